// What the best voxelwise classifier of up to four intensities reaches on a data set: the network beside it has to see more.

#include <iomanip>
#include <iostream>
#include <string>

#include "app/program.hpp"
#include "data/dataset_index.hpp"
#include "data/shard_reader.hpp"
#include "voxelwise_classifier.hpp"

namespace {

namespace options = boost::program_options;
using vox::core::ExitCode;

vox::app::ProgramTable table() {
    vox::app::ProgramTable table{
        "voxelwise_baseline",
        "Fits the best classifier of single voxels' intensities and prints its Dice on other cases.",
        options::options_description("Options")};
    table.options.add_options()("train", options::value<std::string>()->required(),
                                "folder of BraTS case folders to fit on, or of shards: their training cases")(
        "test", options::value<std::string>()->required(),
        "folder of BraTS case folders to measure on, or of shards: their test cases")(
        "label-scheme", options::value<std::string>()->default_value("brats2020"),
        "what label values mean in case folders; shards say it");
    return table;
}

void print(const std::string& name, const std::vector<double>& dice) {
    double sum = 0;
    std::cout << std::left << std::setw(28) << name << std::right << std::fixed << std::setprecision(3);
    for (const double value : dice) {
        std::cout << std::setw(8) << value;
        sum += value;
    }
    std::cout << std::setw(8) << sum / static_cast<double>(dice.size()) << '\n';
}

std::vector<vox::tools::VoxelTable> read_cases(const std::string& folder, const char* split) {
    return vox::data::is_shard_folder(folder) ? vox::tools::read_shards(folder, split)
                                              : vox::tools::read_brats_folder(folder);
}

ExitCode measure(vox::comm::World& world, const vox::app::Arguments& arguments) {
    if (!world.is_root()) return ExitCode::done;
    const auto train_folder = arguments["train"].as<std::string>(), test_folder = arguments["test"].as<std::string>();
    const auto scheme = vox::data::is_shard_folder(train_folder)
                            ? vox::data::ShardReader(train_folder).scheme()
                            : vox::data::label_scheme(arguments["label-scheme"].as<std::string>());
    const auto training = read_cases(train_folder, "train"), test = read_cases(test_folder, "test");
    const vox::tools::VoxelwiseClassifier classifier(training, scheme);

    std::cout << std::left << std::setw(28) << "best voxelwise classifier" << std::right;
    for (const auto& region : scheme.regions) std::cout << std::setw(8) << region.name;
    std::cout << std::setw(8) << "mean" << '\n';
    std::vector<double> mean(scheme.regions.size());
    for (const auto& one : test) {
        const auto dice = classifier.dice(one);
        for (size_t r = 0; r < mean.size(); ++r) mean[r] += dice[r] / static_cast<double>(test.size());
        print(one.id, dice);
    }
    print("mean of " + std::to_string(test.size()) + " cases", mean);
    return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) { return vox::app::run_program(argc, argv, table(), measure); }
