// Times random crops out of shards, through the loader that training uses: its threads read, check, decode and copy, this
// thread takes batches of one crop.  crops.py starts it beside h5py and MONAI.

#include <fstream>
#include <nlohmann/json.hpp>

#include "app/program.hpp"
#include "app/threads.hpp"
#include "core/timer.hpp"
#include "data/loader.hpp"
#include "train/memory.hpp"

namespace {

using namespace vox;
namespace options = boost::program_options;

/// Crops as they lie in the shard, label included: nothing normalised, nothing augmented.
data::Options plain_crops(const app::Arguments& arguments) {
    data::Options plain;
    plain.crop_size.assign(3, arguments["crop"].as<int64_t>());
    plain.threads = arguments["threads"].as<int64_t>();
    plain.cache_mb = arguments["cache-mb"].as<int64_t>();
    plain.samples_per_case = 1024;
    plain.foreground_ratio = 0;
    plain.normalisation = "none";
    plain.flip_probability = 0;
    plain.intensity_scale = 0;
    plain.intensity_shift = 0;
    // A few crops ahead only: what lies ready when the clock starts is not work that the clock saw.
    plain.prefetch_mb = 32;
    return plain;
}

nlohmann::json time_crops(const data::ShardReader& reader, const data::Options& plain, int64_t warm_up, int64_t timed) {
    data::Loader loader(reader, plain, 1, 0, 1, at::kCPU, at::kFloat);
    double checked = 0;
    const auto take = [&](int64_t crops) {
        for (int64_t i = 0; i < crops; ++i) checked += loader.next(1).front().image.const_data_ptr<float>()[0];
    };
    take(warm_up);
    const auto before = reader.counters();
    const core::Timer timer;
    take(timed);
    const double seconds = timer.seconds();
    const auto after = reader.counters();
    return {{"crops", timed},
            {"seconds", seconds},
            {"crops_per_second", static_cast<double>(timed) / seconds},
            {"chunks_decoded", after.chunks_decoded - before.chunks_decoded},
            {"cache_hits", after.cache_hits - before.cache_hits},
            {"bytes_read", after.bytes_read - before.bytes_read},
            {"first_voxels", checked}};
}

core::ExitCode run(comm::World& world, const app::Arguments& arguments) {
    if (world.size() != 1) throw core::UsageError("crop_bench measures one rank: start it without mpirun");
    app::settle_threads(world, 1);
    const data::Options plain = plain_crops(arguments);
    const data::ShardReader reader(arguments["shards"].as<std::string>(), plain.cache_bytes());
    auto result = time_crops(reader, plain, arguments["warm-up"].as<int64_t>(), arguments["timed"].as<int64_t>());
    result["threads"] = plain.threads;
    result["cache_mb"] = plain.cache_mb;
    result["peak_host_bytes"] = train::peak_host_bytes();
    const auto output = arguments["output"].as<std::string>();
    std::ofstream out(output);
    out << result.dump(1) << '\n';
    if (!out.flush()) throw core::WriteError("cannot write " + output);
    return core::ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
    app::ProgramTable table{"crop_bench", "Times random crops out of shards.", options::options_description("Options")};
    table.options.add_options()("shards", options::value<std::string>()->required(), "folder of shards")(
        "crop", options::value<int64_t>()->default_value(96), "voxels along each axis of a crop")(
        "threads", options::value<int64_t>()->default_value(2), "reading threads")(
        "cache-mb", options::value<int64_t>()->default_value(0), "decoded chunks that are kept; 0: none")(
        "warm-up", options::value<int64_t>()->default_value(16), "crops before the timed ones")(
        "timed", options::value<int64_t>()->default_value(64), "crops that are timed")(
        "output", options::value<std::string>()->required(), "JSON file to write");
    return app::run_program(argc, argv, table, run);
}
