// What the best voxelwise classifier of four intensities reaches on a data set: the network beside it has to see more.

#include <iomanip>
#include <iostream>
#include <string>

#include "app/program.hpp"
#include "voxelwise_classifier.hpp"

namespace {

namespace options = boost::program_options;
using vox::core::ExitCode;

vox::app::ProgramTable table() {
    vox::app::ProgramTable table{
        "voxelwise_baseline",
        "Fits the best classifier of single voxels' four intensities and prints its Dice on other cases.",
        options::options_description("Options")};
    table.options.add_options()("train", options::value<std::string>()->required(),
                                "folder of BraTS case folders to fit on")(
        "test", options::value<std::string>()->required(), "folder of BraTS case folders to measure on")(
        "label-scheme", options::value<std::string>()->default_value("brats2020"), "what label values mean");
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

ExitCode measure(vox::comm::World& world, const vox::app::Arguments& arguments) {
    if (!world.is_root()) return ExitCode::done;
    const auto scheme = vox::data::label_scheme(arguments["label-scheme"].as<std::string>());
    const auto training = vox::tools::read_brats_folder(arguments["train"].as<std::string>());
    const auto test = vox::tools::read_brats_folder(arguments["test"].as<std::string>());
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
