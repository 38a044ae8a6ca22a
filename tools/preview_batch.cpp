// Draws what the network sees in training: the crops of a configuration's first micro-batches, after normalisation and
// augmentation.

#include <filesystem>
#include <string>
#include <vector>

#include "app/program.hpp"
#include "app/run_config.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/loader.hpp"
#include "report/slices.hpp"

namespace {

namespace options = boost::program_options;
using vox::core::concat;
using vox::core::ExitCode;
using vox::core::UsageError;
using vox::report::Image;

constexpr int64_t kMostBatches = 1000;

vox::app::ProgramTable table() {
    vox::app::ProgramTable table{
        "preview_batch",
        "Draws the crops of a run's first micro-batches as the network sees them: a row a crop, a column a channel, "
        "each "
        "the axial slice with the most labelled voxels; at last the last channel with the label over it. The same "
        "numbers as a run of one rank.",
        vox::app::configuration_options()};
    table.options.add_options()("output", options::value<std::string>()->required(), "the picture to write (.png)")(
        "batches", options::value<int64_t>()->default_value(4), "micro-batches to draw, 1 to 1000");
    return table;
}

void need(const vox::app::Arguments& arguments, const char* name, const char* what) {
    if (!arguments.count(name)) throw UsageError(concat("--", name, " is missing: ", what));
}

/// One row: image [C,D,H,W] float32, label [D,H,W], both on the host.
Image draw_item(const at::Tensor& image, const at::Tensor& label, const vox::data::ShardReader& reader) {
    const auto voxels = static_cast<size_t>(label.numel());
    const std::span<const uint8_t> labels(label.const_data_ptr<uint8_t>(), voxels);
    const auto channel = [&](size_t c) {
        return std::span<const float>(image.const_data_ptr<float>() + c * voxels, voxels);
    };
    vox::report::Preview preview;
    preview.size = {label.size(0), label.size(1), label.size(2)};
    const auto& names = reader.channel_names();
    for (size_t c = 0; c < names.size(); ++c) preview.panels.push_back({names[c], channel(c), {}});
    preview.panels.push_back({"label", channel(names.size() - 1), labels});
    const auto& values = reader.scheme().values;
    for (int value = 1; !values.empty() && value <= *values.rbegin(); ++value) {
        preview.label_names.push_back(concat("label ", value));
    }
    preview.centre = vox::report::most_labelled_slices(labels, preview.size);
    return vox::report::draw_axial(preview);
}

Image draw_batches(const vox::app::RunConfig& config, int64_t batches) {
    const vox::data::Options& data = config.task.data;
    const vox::data::ShardReader reader(config.shards, data.cache_bytes(), data.fold_choice());
    const int64_t items = vox::data::resolve_global_micro_batch(data, 1, config.train.accumulation);
    vox::data::Loader loader(reader, data, items, 0, 1, at::kCPU, at::kFloat);
    std::vector<Image> rows;
    std::vector<std::string> cases;
    for (int64_t i = 0; i < batches; ++i) {
        for (const vox::data::Batch& batch : loader.next(1)) {
            for (int64_t item = 0; item < batch.size(); ++item) {
                rows.push_back(draw_item(batch.image[item].contiguous(), batch.label[item].contiguous(), reader));
            }
            cases.insert(cases.end(), batch.case_ids.begin(), batch.case_ids.end());
        }
    }
    Image all = vox::report::stack(rows);
    all.texts.emplace_back("rows", vox::core::join(cases, "|"));
    return all;
}

ExitCode preview_batch(vox::comm::World& world, const vox::app::Arguments& arguments) {
    need(arguments, "config", "see configs/");
    const auto config = vox::app::read_run_config(arguments, "", "");
    if (config.shards.empty()) need(arguments, "data", "the folder of shards that convert_dataset wrote");
    const auto batches = arguments["batches"].as<int64_t>();
    if (batches < 1 || batches > kMostBatches) throw UsageError(concat("--batches must be 1 to ", kMostBatches));
    if (!world.is_root()) return ExitCode::done;
    const std::filesystem::path file = arguments["output"].as<std::string>();
    const Image image = draw_batches(config, batches);
    vox::report::write_png(file, image);
    vox::core::log::info(file.string(), ": ", image.width, " x ", image.height, " pixels");
    return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) { return vox::app::run_program(argc, argv, table(), preview_batch); }
