#include "checkpoint/load.hpp"

#include <algorithm>

#include "checkpoint/file.hpp"
#include "checkpoint/folders.hpp"
#include "checkpoint/hash.hpp"
#include "checkpoint/safetensors.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// The manifest's word on `name`, after making sure that the file is one of ours and no link.
const FileRecord* record_of(const ManifestFile& manifest, const fs::path& folder, std::string_view name) {
    const auto found = manifest.files.find(std::string(name));
    if (found == manifest.files.end()) return nullptr;
    if (!is_real_file(folder / name))
        throw DataError(concat((folder / name).string(), " is missing or not a plain file"));
    return &found->second;
}

uint64_t digest_of(const fs::path& folder) { return hash_file(folder / manifest_file); }

ManifestFile read_chosen(const Choice& choice) {
    if (digest_of(choice.folder) != choice.digest) {
        throw DataError(concat(choice.folder.string(),
                               " is not the checkpoint that was chosen: its manifest differs.  Do all "
                               "nodes see the same file system?"));
    }
    return read_manifest(choice.folder);
}

NamedTensors read_file(const ManifestFile& manifest, const fs::path& folder, std::string_view name) {
    const FileRecord* record = record_of(manifest, folder, name);
    return record == nullptr ? NamedTensors{} : read_safetensors(folder / name, *record).tensors;
}

/// The checkpoint that was found, or nothing and a warning that says what is wrong with it.
std::optional<Choice> try_verify(const Found& found) {
    try {
        const Choice choice = verify(found.folder);
        check_name(found, read_chosen(choice).manifest);
        return choice;
    } catch (const DataError& error) {
        core::log::warning("skipping the checkpoint of step ", found.step, ": ", error.what());
        return std::nullopt;
    }
}

bool is_checkpoint(const fs::path& path) { return fs::exists(path / manifest_file); }

}  // namespace

std::string to_text(const Choice& choice) {
    return concat(to_hex(choice.digest), ' ', choice.step, ' ', choice.folder.string());
}

Choice choice_from_text(const std::string& text) {
    const auto first = text.find(' ');
    const auto second = text.find(' ', first + 1);
    core::check(first != std::string::npos && second != std::string::npos,
                concat("not a choice of a checkpoint: ", text));
    return {text.substr(second + 1), std::stoll(text.substr(first + 1, second - first - 1)),
            parse_hex(text.substr(0, first))};
}

Choice verify(const fs::path& folder) {
    const ManifestFile manifest = read_manifest(folder);
    const Choice choice{folder, manifest.manifest.step, digest_of(folder)};
    if (!manifest.files.contains(std::string(model_file))) {
        throw DataError(concat((folder / manifest_file).string(), " names no ", model_file));
    }
    for (const auto name : {model_file, ema_file, optimizer_file}) {
        if (const FileRecord* record = record_of(manifest, folder, name)) verify_safetensors(folder / name, *record);
    }
    return choice;
}

std::optional<Choice> newest_valid(const fs::path& checkpoints) {
    for (const auto& found : list_folders(checkpoints))
        if (auto choice = try_verify(found)) return choice;
    return std::nullopt;
}

std::optional<Choice> best_valid(const fs::path& checkpoints) {
    const auto newest = newest_valid(checkpoints);
    if (!newest) return std::nullopt;
    const std::string phase = peek(*newest).phase;
    auto candidates = list_ranked(checkpoints);
    while (const auto best = best_step(candidates, phase)) {
        const auto found = std::ranges::find(candidates, *best, &Ranked::step);
        if (auto choice = try_verify({found->step, found->folder})) return choice;
        candidates.erase(found);
    }
    return newest;
}

Choice find(const fs::path& path, bool best) {
    if (is_checkpoint(path)) return verify(path);
    for (const auto& folder : {path / "checkpoints", path}) {
        const auto choice = best ? best_valid(folder) : newest_valid(folder);
        if (choice) return *choice;
    }
    throw DataError(concat("no valid checkpoint at ", path.string(),
                           ": give a checkpoint (step_...), a checkpoints folder or a run's folder"));
}

std::optional<Choice> choose(const Options& options, const fs::path& checkpoints) {
    if (options.resume == "none") return std::nullopt;
    if (options.resume != "auto") return find(options.resume);
    const auto choice = newest_valid(checkpoints);
    if (!choice && !list_folders(checkpoints).empty()) {
        throw DataError(concat("every checkpoint in ", checkpoints.string(),
                               " is damaged (see the warnings above); to start from "
                               "step 0 all the same, say --resume none"));
    }
    return choice;
}

Manifest peek(const Choice& choice) { return read_chosen(choice).manifest; }

State load(const Choice& choice) {
    const ManifestFile file = read_chosen(choice);
    return {file.manifest, read_file(file, choice.folder, model_file), read_file(file, choice.folder, ema_file),
            read_file(file, choice.folder, optimizer_file)};
}

NamedTensors load_weights(const fs::path& path, bool prefer_ema, bool best) {
    if (!fs::is_directory(path)) return read_safetensors(path).tensors;
    const Choice choice = find(path, best);
    const ManifestFile file = read_chosen(choice);
    const bool ema = prefer_ema && file.files.contains(std::string(ema_file));
    return read_file(file, choice.folder, ema ? ema_file : model_file);
}

}  // namespace vox::checkpoint
