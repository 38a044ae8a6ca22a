#include "app/foretell_files.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/dataset_index.hpp"
#include "report/figures_table.hpp"

namespace vox::app {
namespace {

constexpr const char* kFile = "survival.csv";

/// The lines of all ranks, by id.
report::FiguresTable table_of(const std::vector<std::string>& texts) {
    report::FiguresTable table;
    for (const auto& text : texts) {
        const auto cases = nlohmann::ordered_json::parse(text);
        for (const auto& [id, values] : cases.items()) {
            report::TableRow row{id, {}};
            std::vector<std::string> columns;
            for (const auto& [name, value] : values.items()) {
                columns.push_back(name);
                row.values.push_back(value.get<double>());
            }
            table.columns = columns;
            table.rows.push_back(std::move(row));
        }
    }
    std::ranges::sort(table.rows, {}, &report::TableRow::id);
    return table;
}

}  // namespace

size_t foretell_cases(comm::World& world, const ResultFolders& folders, tasks::SurvivalPredictor& predictor,
                      const data::Intensities& intensities, const data::Resize& resize) {
    if (predictor.uses_table() && !data::is_shard_folder(folders.input))
        throw core::DataError(core::concat(
            folders.input.string(),
            ": the model takes columns of a table, which NIfTI files do not have: convert them with their table "
            "(convert_dataset --layout survival), and give the shards"));
    const InputCases cases(world, folders,
                           {.channels = predictor.facts().channels,
                            .may_lack = 0,
                            .grid = {},
                            .intensities = intensities,
                            .resize = resize});
    nlohmann::ordered_json own = nlohmann::ordered_json::object();
    cases.each(world, {"foretelling", "foretold", "line"}, [&](const data::Sample& sample) {
        for (const auto& [name, value] : predictor.predict(sample).values) own[sample.info->id][name] = value;
    });
    const auto texts = world.gather(own.dump());
    world.on_root("writing what was foretold", [&] { report::write_csv(folders.output / kFile, table_of(texts)); });
    if (!predictor.facts().log_hazard && !predictor.facts().training.empty() && world.is_root())
        core::log::warning(
            "no probabilities S(t) were foretold: the baseline hazard is in the checkpoint that was the "
            "best of its validation, which --best takes");
    return cases.size();
}

}  // namespace vox::app
