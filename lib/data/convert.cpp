#include "data/convert.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "data/build_prompted.hpp"
#include "data/case_data.hpp"
#include "data/checksum.hpp"
#include "data/convert_input.hpp"
#include "data/dataset_index.hpp"
#include "data/durable_file.hpp"
#include "data/finished_shards.hpp"
#include "data/shard_writer.hpp"
#include "data/splits.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;
using nlohmann::json;

/// Label values of `from` as those of the scheme that is recorded.
std::set<int> translated(const std::set<int>& values, const std::map<int, int>& translation) {
    std::set<int> out;
    for (const int value : values) {
        const auto other = translation.find(value);
        out.insert(other == translation.end() ? value : other->second);
    }
    return out;
}

/// A label that says: nothing here.
NiftiImage empty_label(const NiftiImage& like) {
    NiftiImage label;
    label.size = like.size;
    label.type = VoxelType::uint8;
    label.geometry = like.geometry;
    label.voxels.resize(static_cast<size_t>(like.voxel_count()));
    return label;
}

class Converter {
public:
    Converter(comm::World& world, ConvertOptions options) : world_(world), options_(std::move(options)) {
        if (const auto translation = label_translation(options_.label_scheme)) translation_ = translation->values;
    }

    ConvertReport run() {
        world_.together("listing the input", [&] { listing_ = list_cases(options_); });
        for (const auto& note : listing_.notes) core::log::info(note);
        for (auto& files : listing_.cases) {
            accept_missing(files, listing_.channels, options_.allow_missing);
            if (!files.problem.empty()) refused_[files.id] = files.problem;
        }
        world_.on_root("preparing the output folder", [&] {
            if (options_.dry_run) return;
            make_output_folder(options_.output);
            remove_partial_files(options_.output);
        });
        if (options_.prompts.make) {
            world_.together("reading labels", [&] { scan_labels(); });
            world_.together("naming the structures", [&] { name_structures(); });
            world_.together("looking for finished shards", [&] { find_finished(); });
        } else {
            world_.together("looking for finished shards", [&] { find_finished(); });
            world_.together("reading labels", [&] { scan_labels(); });
            world_.together("choosing the label scheme", [&] { choose_scheme(); });
        }
        world_.together("converting", [&] { convert_pending(); });
        merge_refusals();
        for (const auto& text : world_.gather(comparisons_.text())) comparisons_.merge(text);
        sum_prompts();
        if (!options_.dry_run) gather_shards();
        world_.on_root("finishing", [&] { finish(); });
        return report();
    }

private:
    bool mine(size_t position) const {
        return static_cast<int>(position % static_cast<size_t>(world_.size())) == world_.rank();
    }

    void find_finished() {
        finished_ = find_finished_shards(options_.output);
        for (const auto& files : listing_.cases) {
            const auto found = finished_.cases.find(files.id);
            if (found != finished_.cases.end() && found->second.fingerprint == fingerprint(files, options_)) continue;
            finished_.cases.erase(files.id);
        }
    }

    /// Label values of every case: of finished ones from their shards, else from the files, each rank its share.
    void scan_labels() {
        size_t position = 0;
        json own = json::object();
        for (const auto& files : listing_.cases) {
            if (const auto found = finished_.cases.find(files.id); found != finished_.cases.end()) {
                values_of_[files.id] = found->second.label_values;
            } else if (files.label && files.problem.empty() && mine(position++)) {
                guarded(files.id, [&] {
                    const NiftiImage label = read_nifti(*files.label);
                    try {
                        const auto values = label_values(label);
                        std::set<int> distinct(values.begin(), values.end());
                        distinct.erase(0);
                        own[files.id] = translated(distinct, translation_);
                    } catch (const DataError& error) {
                        throw DataError(concat(files.label->string(), ": ", error.what()));
                    }
                });
            }
        }
        for (const auto& text : world_.gather(own.dump())) {
            const json gathered = json::parse(text);
            for (const auto& [id, values] : gathered.items()) values_of_[id] = values.get<std::set<int>>();
        }
        merge_refusals();
    }

    void choose_scheme() {
        std::set<int> all;
        for (const auto& [id, values] : values_of_) all.insert(values.begin(), values.end());
        scheme_ = options_.layout == "prompted" ? prompted_scheme()
                                                : resolve_scheme(options_.label_scheme, listing_.scheme_hint, all);
        for (const auto& [id, values] : values_of_) {
            std::vector<int> unknown;
            std::set_difference(values.begin(), values.end(), scheme_.values.begin(), scheme_.values.end(),
                                std::back_inserter(unknown));
            if (!unknown.empty()) {
                refused_[id] = concat("label value ", core::join(unknown), " is not in the scheme '", scheme_.name,
                                      "' {0, ", core::join(scheme_.values), "}");
            }
        }
    }

    /// Decides what prompts call the values that occur.  Values without a name become background, as who says the names wants it.
    void name_structures() {
        std::set<int> all;
        for (const auto& [id, values] : values_of_) all.insert(values.begin(), values.end());
        auto& names = options_.prompts.structures;
        if (names.empty()) names = listing_.structures;
        if (names.empty() && options_.layout == "brats")
            names = structures_of_scheme(resolve_scheme(options_.label_scheme, listing_.scheme_hint, all).name);
        std::vector<int> nameless;
        std::ranges::copy_if(all, std::back_inserter(nameless), [&](int value) { return !names.contains(value); });
        if (nameless.size() == all.size()) {
            throw DataError(concat("nothing tells what the label values {", core::join(all),
                                   "} are called: say it with --structures, such as \"1=liver,2=left lung\""));
        }
        if (!nameless.empty())
            core::log::info("label values ", core::join(nameless), " have no name and become background");
        scheme_ = prompted_scheme();
    }

    void convert_pending() {
        std::vector<const CaseFiles*> own;
        size_t position = 0;
        for (const auto& files : listing_.cases) {
            if (refused_.contains(files.id)) continue;
            const auto found = finished_.cases.find(files.id);
            if (found != finished_.cases.end() && found->second.label_scheme == scheme_.name) {
                ++kept_;
                continue;
            }
            finished_.cases.erase(files.id);
            if (mine(position++)) own.push_back(&files);
        }
        core::Timer since_line;
        for (size_t i = 0; i < own.size(); ++i) {
            guarded(own[i]->id, [&] { convert_case(*own[i]); });
            if (i + 1 == own.size() || since_line.seconds() >= 1.0) {
                core::log::info(options_.dry_run ? "checked " : "converted ", i + 1, " of ", own.size(), " cases",
                                world_.size() > 1 ? " of rank 0" : "", ", last ", own[i]->id);
                since_line.restart();
            }
        }
        close_shard();
    }

    void convert_case(const CaseFiles& files) {
        CaseData data = build(files);
        if (options_.layout == "xray_ct") comparisons_.add(files, add_views(data, files, options_.views));
        if (options_.prompts.make) prompt_counts_.add(add_prompts(data, options_.prompts));
        if (options_.layout == "prompted") prompt_counts_.add(counts_of(data.info.prompts));
        data.info.columns = files.columns;
        data.fingerprint = fingerprint(files, options_);
        if (options_.dry_run) return;
        if (!writer_) {
            shard_ = shard_name(finished_.next_number + world_.rank() + world_.size() * shards_started_++);
            writer_ = std::make_unique<ShardWriter>(options_.output / shard_, options_.codec, scheme_.name);
        }
        writer_->add(data);
        if (writer_->bytes() >= options_.max_shard_bytes) close_shard();
    }

    CaseData build(const CaseFiles& files) const {
        if (options_.layout == "prompted") return build_prompted_case(files, options_.prompts.modality);
        const auto channels = read_channels(files, options_.spacing_mm);
        std::optional<NiftiImage> label;
        if (files.label) label = read_nifti(*files.label);
        if (files.label_is_empty) label = empty_label(channels.front().image);
        const NiftiImage* const known = label ? &*label : nullptr;
        return build_resampled_case(files.id, channels, known, {listing_.reference, options_.spacing_mm}, translation_);
    }

    void close_shard() {
        if (!writer_) return;
        writer_->finish();
        for (const auto& id : writer_->case_ids()) new_shards_[id] = shard_;
        writer_.reset();
    }

    /// A DataError refuses the case; every other error ends the run.
    template <class Work>
    void guarded(const std::string& id, Work&& work) {
        const core::Activity activity(concat("case ", id));
        try {
            work();
        } catch (const DataError& error) {
            refused_[id] = error.what();
        }
    }

    void merge_refusals() {
        for (const auto& text : world_.gather(json(refused_).dump(-1, ' ', false, json::error_handler_t::replace))) {
            refused_.merge(json::parse(text).get<std::map<std::string, std::string>>());
        }
    }

    void sum_prompts() {
        const auto& own = prompt_counts_;
        const std::array fields{own.cases, own.cases_without, own.targets, own.questions, own.silent, own.small};
        const auto sums = world_.sum(std::vector<double>(fields.begin(), fields.end()));
        std::array<int64_t, 6> all{};
        std::ranges::transform(sums, all.begin(), [](double sum) { return static_cast<int64_t>(sum); });
        prompt_counts_ = {all[0], all[1], all[2], all[3], all[4], all[5]};
    }

    void gather_shards() {
        std::map<std::string, std::string> shard_of;
        for (const auto& text : world_.gather(json(new_shards_).dump())) {
            shard_of.merge(json::parse(text).get<std::map<std::string, std::string>>());
        }
        for (const auto& [id, finished] : finished_.cases) shard_of.emplace(id, finished.shard);
        new_shards_ = std::move(shard_of);
    }

    /// Rank 0: says what was refused; writes dataset.json.
    void finish() {
        for (const auto& [id, why] : refused_) core::log::warning("refused case ", id, ": ", why);
        comparisons_.say();
        if (!refused_.empty() && !options_.skip_bad) {
            throw DataError(concat(refused_.size(), " of ", listing_.cases.size(), " cases were refused:\n  ",
                                   core::join(report().refused, "\n  "),
                                   "\nRepair them, or convert the rest with --skip-bad."));
        }
        if (refused_.size() == listing_.cases.size())
            throw DataError("every case was refused: nothing is left to convert");
        if (options_.dry_run) return;
        DatasetIndex index;
        index.channels = listing_.channels;
        index.scheme = scheme_;
        std::vector<std::string> ids;
        for (const auto& files : listing_.cases) {
            if (!refused_.contains(files.id)) ids.push_back(files.id);
        }
        auto splits = assign_splits(ids, options_.split, options_.seed);
        bool splits_by_layout = false;
        for (const auto& files : listing_.cases) {
            if (files.split.empty()) continue;
            splits[files.id] = files.split;
            splits_by_layout = true;
        }
        std::set<std::string> shards;
        for (const auto& id : ids) {
            index.cases.push_back({id, new_shards_.at(id), splits.at(id)});
            shards.insert(new_shards_.at(id));
        }
        for (const auto& shard : shards) {
            const auto path = options_.output / shard;
            index.shards.push_back({shard, fs::file_size(path), hex(xxh3_64_of_file(path))});
        }
        index.provenance = {{"layout", options_.layout},
                            {"input", options_.input.string()},
                            {"codec", std::string(codec_name(options_.codec))},
                            {"split", splits_by_layout ? "by the layout" : core::join(options_.split)},
                            {"split_seed", splits_by_layout ? "" : std::to_string(options_.seed)},
                            {"refused", core::join(report().refused, "; ")}};
        index.provenance.insert(listing_.provenance.begin(), listing_.provenance.end());
        if (!translation_.empty()) index.provenance["label_values_of"] = options_.label_scheme;
        if (options_.layout == "xray_ct") {
            index.views = views_of(listing_, options_.views);
            index.provenance["views"] = options_.views.make ? "made of the CT" : "as the files have them";
        }
        if (options_.prompts.make) index.provenance["prompts"] = describe(options_.prompts);
        if (!listing_.label.empty()) index.provenance["label"] = listing_.label;
        index.common_grid = {listing_.reference, options_.spacing_mm};
        write_dataset_index(options_.output, index);
    }

    ConvertReport report() const {
        ConvertReport report;
        report.kept = kept_;
        report.converted = static_cast<int64_t>(listing_.cases.size() - refused_.size()) - kept_;
        report.scheme = scheme_.name;
        report.prompts = prompt_counts_;
        report.views_compared = comparisons_.count();
        report.views_aligned = comparisons_.aligned();
        for (const auto& [id, why] : refused_) report.refused.push_back(concat("case ", id, ": ", why));
        return report;
    }

    comm::World& world_;
    ConvertOptions options_;  // with the structures' names, once they are known
    Listing listing_;
    FinishedShards finished_;  // only cases that need no conversion
    std::map<std::string, std::set<int>> values_of_;  // label values but 0, by case
    std::map<std::string, std::string> refused_;  // id -> why; the same on every rank after `merge_refusals`
    std::map<std::string, std::string> new_shards_;  // id -> shard file: this rank's, after `gather_shards` everybody's
    ViewComparisons comparisons_;  // of the cases converted now
    PromptCounts prompt_counts_;  // of this rank, after `sum_prompts` of all
    LabelScheme scheme_;
    std::map<int, int> translation_;  // of label values; empty: none
    std::unique_ptr<ShardWriter> writer_;
    std::string shard_;
    int64_t shards_started_ = 0, kept_ = 0;
};

}  // namespace

ConvertReport convert(comm::World& world, const ConvertOptions& options) { return Converter(world, options).run(); }

}  // namespace vox::data
