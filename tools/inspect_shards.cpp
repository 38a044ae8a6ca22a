// Shows what a folder of shards holds, checks every chunk of it, and writes cases back as NIfTI.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "app/program.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/durable_file.hpp"
#include "data/nifti.hpp"
#include "data/shard_reader.hpp"

namespace {

namespace fs = std::filesystem;
namespace options = boost::program_options;
using vox::core::concat;
using vox::core::DataError;
using vox::core::ExitCode;
using vox::core::UsageError;
using vox::data::ShardReader;

vox::app::ProgramTable table() {
    vox::app::ProgramTable table{"inspect_shards",
                                 "Shows what a folder of shards holds; checks it; writes cases back as NIfTI.",
                                 options::options_description("Options")};
    table.options.add_options()("shards", options::value<std::string>()->required(),
                                "folder with dataset.json; the first word of the command line stands for it")(
        "verify", options::bool_switch(), "read and check every chunk; each damaged one is named")(
        "case", options::value<std::string>()->default_value(""),
        "one case: its details; with --export, what is written")(
        "export", options::value<std::string>()->default_value(""),
        "folder for the NIfTI files of --case, or of every case");
    return table;
}

size_t find_case(const ShardReader& reader, const std::string& id) {
    std::vector<std::string> ids;
    for (size_t i = 0; i < reader.cases().size(); ++i) {
        if (reader.cases()[i].id == id) return i;
        ids.push_back(reader.cases()[i].id);
    }
    const std::string near = vox::core::nearest(id, ids);
    throw UsageError(
        concat("there is no case '", id, "'", near.empty() ? "" : concat(".  Did you mean '", near, "'?")));
}

void print_summary(const ShardReader& reader) {
    std::cout << reader.cases().size() << " cases, channels " << vox::core::join(reader.channel_names())
              << (reader.views().empty() ? "" : concat(", views ", vox::data::describe(reader.views())))
              << ", label scheme " << reader.scheme().name << ", digest " << reader.digest() << '\n';
    for (const auto& info : reader.cases()) {
        std::cout << info.split << '\t' << info.id << '\t' << vox::core::join(info.shape, "x") << ' '
                  << vox::data::voxel_type_name(info.type) << '\t' << vox::core::join(info.spacing_mm, "x") << " mm";
        for (const auto& [value, voxels] : info.label_voxels) std::cout << "\t" << value << ':' << voxels;
        if (!info.prompts.empty()) {
            std::cout << '\t' << info.prompts.targets.size() << " targets, " << info.prompts.questions.size()
                      << " questions";
        }
        std::cout << (info.has_label ? "\n" : "\tno label\n");
    }
}

void print_prompts(const vox::data::CasePrompts& prompts) {
    using namespace vox::data;
    for (size_t i = 0; i < prompts.targets.size(); ++i) {
        const auto& target = prompts.targets[i];
        const auto about = std::ranges::count(prompts.questions, i, &PromptQuestion::target);
        std::cout << "target " << target.value << '\t' << target.structure << "\tfrom ["
                  << vox::core::join(target.box.start, ",") << "] size [" << vox::core::join(target.box.size, ",")
                  << "]\t"
                  << (target.position < 0 ? "on a middle plane"
                                          : position_text(position_of_class(target.position, prompts.space),
                                                          prompts.space, PositionDetail::whole))
                  << '\t' << about << " questions\n";
    }
    for (const auto& one : prompts.questions)
        std::cout << "question " << prompts.targets[one.target].value << '\t' << one.question << '\t' << one.answer
                  << '\n';
}

void print_case(const vox::data::CaseInfo& info) {
    std::cout << "case " << info.id << ", split " << info.split << ", [" << vox::core::join(info.shape, ",") << "] "
              << vox::data::voxel_type_name(info.type) << ", foreground from ["
              << vox::core::join(info.foreground_box.start, ",") << "] size ["
              << vox::core::join(info.foreground_box.size, ",") << "]\n";
    for (size_t c = 0; c < info.sources.size(); ++c) {
        const auto& s = info.statistics[c];
        std::cout << info.sources[c].channel << "\tsource " << vox::data::voxel_type_name(info.sources[c].type) << " "
                  << vox::core::join(info.sources[c].size, "x") << "\tmean " << s.mean << " sd " << s.standard_deviation
                  << " min " << s.minimum << " max " << s.maximum << " p01 " << s.p01 << " p99 " << s.p99 << " over "
                  << s.voxels << " voxels\n";
    }
    for (const auto& [name, text] : info.columns) std::cout << name << "\t" << text << '\n';
    print_prompts(info.prompts);
}

void export_case(const ShardReader& reader, size_t index, const fs::path& folder) {
    vox::data::make_output_folder(folder);
    for (const auto& [channel, image] : reader.restore(index)) {
        const fs::path file =
            folder / concat(reader.cases()[index].id, '_', channel == "label" ? "seg" : channel, ".nii.gz");
        vox::data::write_nifti(file, image);
        std::cout << file.string() << '\n';
    }
}

ExitCode inspect_shards(vox::comm::World& world, const vox::app::Arguments& arguments) {
    const fs::path folder = arguments["shards"].as<std::string>();
    const std::string id = arguments["case"].as<std::string>(), target = arguments["export"].as<std::string>();
    if (!world.is_root()) return ExitCode::done;
    const ShardReader reader(folder);
    if (!target.empty()) {
        if (!id.empty()) export_case(reader, find_case(reader, id), target);
        for (size_t i = 0; id.empty() && i < reader.cases().size(); ++i) export_case(reader, i, target);
    } else if (!id.empty()) {
        print_case(reader.cases()[find_case(reader, id)]);
    } else if (!arguments["verify"].as<bool>()) {
        print_summary(reader);
    }
    if (!arguments["verify"].as<bool>()) return ExitCode::done;
    const auto problems = reader.verify();
    for (const auto& problem : problems) vox::core::log::error(problem);
    if (!problems.empty())
        throw DataError(concat(folder.string(), ": ", problems.size(), " problems; the first: ", problems.front()));
    std::cout << folder.string() << ": every chunk of " << reader.cases().size() << " cases is whole\n";
    return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
    // `inspect_shards FOLDER ...` is short for `inspect_shards --shards FOLDER ...`.
    std::string name = "--shards";
    std::vector<char*> words(argv, argv + argc);
    if (argc > 1 && argv[1][0] != '-') words.insert(words.begin() + 1, name.data());
    words.push_back(nullptr);
    return vox::app::run_program(static_cast<int>(words.size()) - 1, words.data(), table(), inspect_shards);
}
