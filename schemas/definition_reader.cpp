#include "schemas/definition_reader.hpp"

#include <algorithm>
#include <map>

#include "schemas/definition_draft.hpp"

namespace slimtax::schemas {
namespace {

namespace fs = std::filesystem;

void sort_by_place(Problems& problems) {
    std::ranges::stable_sort(problems, {},
                             [](const Problem& problem) { return std::pair(problem.at.line, problem.at.column); });
}

/// The files that a path stands for: itself, or the `*.toml` of a directory.
std::vector<fs::path> files_of(const fs::path& path, Problems& problems) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
        return {path};
    }
    std::vector<fs::path> files;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
        const bool hidden = it->path().filename().string().starts_with('.');
        if (it->path().extension() == ".toml" && !hidden) {
            files.push_back(it->path());
        }
    }
    if (error) {
        problems.push_back({Problem::Kind::error, path.string(), {}, "cannot be read: " + error.message(), ""});
    } else if (files.empty()) {
        problems.push_back({Problem::Kind::advice, path.string(), {}, "holds no definition: no *.toml in it", ""});
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

ReadDefinition read_definition(std::string_view text, const std::string& file, Catalog catalog) {
    ReadDefinition result;
    const auto document = TomlDocument::parse(text, file, result.problems);
    if (!document) {
        return result;
    }
    Complaints complaints(*document, result.problems);
    Draft draft;
    draft.definition.file = file;
    TableReader top(complaints, document->root(), "this file");
    read_service(top, draft);
    read_window(top, draft);
    read_objectives(top, draft);
    read_probes(top, draft, catalog);
    top.finish();
    check_definition(complaints, draft, catalog);
    sort_by_place(result.problems);
    if (!has_errors(result.problems)) {
        result.definition = std::move(draft.definition);
    }
    return result;
}

ReadDefinitions read_definitions(const std::vector<fs::path>& paths, Catalog catalog) {
    ReadDefinitions result;
    std::map<std::string, std::string> file_of;  // by service
    for (const fs::path& path : paths) {
        for (const fs::path& file : files_of(path, result.problems)) {
            std::string text;
            if (!read_toml_file(file.string(), text, result.problems)) {
                continue;
            }
            ReadDefinition one = read_definition(text, file.string(), catalog);
            result.problems.insert(result.problems.end(), one.problems.begin(), one.problems.end());
            if (!one.definition) {
                continue;
            }
            const auto [first, is_new] = file_of.emplace(one.definition->service.id, file.string());
            if (!is_new) {
                result.problems.push_back(
                    {Problem::Kind::error, file.string(), one.definition->service.at,
                     fmt::format("service '{}' is defined in {} already", first->first, first->second),
                     "one file per service"});
                continue;
            }
            result.definitions.push_back(std::make_shared<const Definition>(std::move(*one.definition)));
        }
    }
    std::ranges::sort(result.definitions, {}, [](const auto& definition) { return definition->service.id; });
    return result;
}

}  // namespace slimtax::schemas
