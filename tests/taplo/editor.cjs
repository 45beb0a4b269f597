// Asks taplo's language server what an editor would ask. Standard input: a JSON array of
// { "ask": "hover" | "completion", "text", "line", "column" } (from 0); standard output: the array of answers.
const fs = require("fs");
const path = require("path");
const url = require("url");
const { TaploLsp } = require("@taplo/lsp");

// What the server wants to know of the world: files yes, the network no.
function surroundings() {
  globalThis.fetch = async () => { throw new Error("no network in tests"); };
  return {
    now: () => new Date(),
    envVar: () => undefined,
    envVars: () => [],
    stdErrAtty: () => false,
    stdin: async () => new Uint8Array(),
    stdout: async (bytes) => bytes.length,
    stderr: async (bytes) => fs.writeSync(2, bytes),
    glob: () => [],
    readFile: (file) => fs.promises.readFile(file),
    writeFile: async () => {},
    urlToFilePath: (address) => decodeURI(address).replace(/^file:\/\//, ""),
    isAbsolute: path.isAbsolute,
    cwd: () => process.cwd(),
    findConfigFile: () => undefined,
  };
}

async function main() {
  const questions = JSON.parse(fs.readFileSync(0, "utf8"));
  const waiting = new Map();
  const configuration = { schema: { enabled: true, catalogs: [], links: false } };
  let configured;
  const ready = new Promise((resolve) => { configured = resolve; });
  const server = await TaploLsp.initialize(surroundings(), {
    onMessage: (message) => {
      if (message.method === "workspace/configuration") {
        server.send({ jsonrpc: "2.0", id: message.id, result: message.params.items.map(() => configuration) });
        configured();
      } else if (message.method !== undefined && message.id !== undefined) {
        server.send({ jsonrpc: "2.0", id: message.id, result: null });
      } else if (message.method === undefined && waiting.has(message.id)) {
        waiting.get(message.id)(message);
      }
    },
  });
  const send = (method, params) => server.send({ jsonrpc: "2.0", method, params });
  const call = (id, method, params) => new Promise((resolve) => {
    waiting.set(id, resolve);
    server.send({ jsonrpc: "2.0", id, method, params });
  });
  const root = url.pathToFileURL(process.cwd()).href;
  await call("start", "initialize", {
    processId: null,
    rootUri: root,
    capabilities: { textDocument: { completion: { completionItem: { documentationFormat: ["markdown"] } } } },
    workspaceFolders: [{ uri: root, name: "definitions" }],
  });
  send("initialized", {});
  await ready;
  const answers = [];
  for (const [number, question] of questions.entries()) {
    const uri = `${root}/question-${number}.toml`;
    send("textDocument/didOpen", { textDocument: { uri, languageId: "toml", version: 1, text: question.text } });
    const position = { line: question.line, character: question.column };
    const ask = `textDocument/${question.ask}`;
    let answer;
    // The schema is read behind the scenes: nothing to say means "not yet" for a while.
    for (let attempt = 0; attempt < 100; ++attempt) {
      answer = await call(`${number}.${attempt}`, ask, { textDocument: { uri }, position });
      if (answer.error || (answer.result && answer.result.length !== 0)) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    answers.push(answer.error ? { error: answer.error } : { result: answer.result });
  }
  fs.writeSync(1, JSON.stringify(answers));
  process.exit(0);
}

main();
