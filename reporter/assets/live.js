// Keeps a page true without reloading it: when the reporter says that something changed, the page's main part is
// fetched again and the differences are put in place, so that scroll, focus and open details stay as they are.
"use strict";
(() => {
    const least = 1000;      // ms between two fetches, however much changes
    const longest = 15000;   // ms: durations ("for 24 min") move on without an event
    const retry = 3000;      // ms before a closed event stream is opened again
    const line = document.getElementById("connection");
    let source = null;
    let streaming = false;   // the event stream is open
    let fetched = true;      // the last fetch went well
    let asOf = document.getElementById("live").dataset.asOf;
    let loading = false;
    let again = false;
    let lastStart = 0;
    let timer = 0;

    const say = () => {
        const live = streaming && fetched;
        const text = live ? "Live, as of " + asOf : "Not live since " + asOf + ": no answer from the reporter. Trying again.";
        line.classList.toggle("lost", !live);
        if (line.textContent !== text) {
            // A screen reader hears that the connection went or came back, not every second's new time.
            line.setAttribute("aria-live", line.dataset.live === String(live) ? "off" : "polite");
            line.dataset.live = String(live);
            line.textContent = text;
        }
    };

    const attributes = (old, fresh) => {
        for (const { name, value } of fresh.attributes) {
            if (old.getAttribute(name) !== value) {
                old.setAttribute(name, value);
            }
        }
        for (const { name } of [...old.attributes]) {
            if (!fresh.hasAttribute(name) && name !== "open") {
                old.removeAttribute(name);
            }
        }
    };

    const key = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") : null);

    // Makes `old` equal to `fresh`, touching only what differs.
    const morph = (old, fresh) => {
        if (old.nodeType !== 1) {
            if (old.data !== fresh.data) {
                old.data = fresh.data;
            }
            return;
        }
        attributes(old, fresh);
        const keyed = new Map();
        for (const child of old.childNodes) {
            if (key(child) !== null) {
                keyed.set(key(child), child);
            }
        }
        let at = old.firstChild;
        for (const wanted of [...fresh.childNodes]) {
            let have = key(wanted) !== null ? keyed.get(key(wanted)) : at;
            const same = have && have.nodeName === wanted.nodeName && key(have) === key(wanted);
            if (!same) {
                old.insertBefore(document.importNode(wanted, true), at);
                continue;
            }
            if (have !== at) {
                old.insertBefore(have, at);
            } else {
                at = at.nextSibling;
            }
            keyed.delete(key(wanted));
            morph(have, wanted);
        }
        while (at) {
            const next = at.nextSibling;
            at.remove();
            at = next;
        }
    };

    const load = async () => {
        if (loading) {
            again = true;
            return;
        }
        loading = true;
        again = false;
        lastStart = performance.now();
        try {
            const address = new URL(location.href);
            address.searchParams.set("part", "main");
            const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(10000) });
            if (!answer.ok) {
                throw new Error("status " + answer.status);
            }
            const text = await answer.text();
            const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
            const old = document.getElementById("live");
            morph(old, fresh);
            asOf = fresh.dataset.asOf;
            document.title = fresh.dataset.title;
            fetched = true;
        } catch {
            fetched = false;
        }
        loading = false;
        say();
        plan(again ? least : longest);
    };

    const plan = (wait) => {
        clearTimeout(timer);
        timer = setTimeout(() => {
            if (document.hidden) {
                plan(longest);  // nobody looks; visibilitychange loads at once
            } else {
                load();
            }
        }, wait);
    };

    const changed = () => {
        if (loading) {
            again = true;
        } else {
            plan(Math.max(0, least - (performance.now() - lastStart)));
        }
    };

    const listen = () => {
        source = new EventSource("/events");
        source.addEventListener("open", () => {
            streaming = true;
            say();
            changed();
        });
        source.addEventListener("changed", changed);
        source.addEventListener("error", () => {
            streaming = false;
            say();
            if (source.readyState === EventSource.CLOSED) {
                setTimeout(listen, retry);
            }
        });
    };

    document.addEventListener("visibilitychange", () => {
        if (!document.hidden) {
            changed();
        }
    });
    // A page that is left must not cry about the stream that is cut with it; one that comes back listens again.
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => {
        if (event.persisted) {
            listen();
        }
    });
    listen();
    plan(longest);
})();
