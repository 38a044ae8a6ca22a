#include "report/metrics_log.hpp"

#include <fcntl.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.hpp"
#include "core/log.hpp"
#include "report/files.hpp"

namespace vox::report {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no nan and no inf.
std::string text_of(double value) { return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"; }

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

void put(Json& line, const std::string& name, double value) {
    line[name] = number(value);
    if (!std::isfinite(value)) line[name + ".text"] = text_of(value);
}

void put(Json& line, const std::string& name, const std::vector<double>& values) {
    Json numbers = Json::array();
    Json texts = Json::array();
    bool finite = true;
    for (const double value : values) {
        numbers.push_back(number(value));
        texts.push_back(std::isfinite(value) ? Json(nullptr) : Json(text_of(value)));
        finite = finite && std::isfinite(value);
    }
    line[name] = std::move(numbers);
    if (!finite) line[name + ".text"] = std::move(texts);
}

template <class T>
void put(Json& line, const std::string& name, const T& value) {
    line[name] = value;
}

/// The lines of `file` that a run resumed at `step` keeps: whole ones, up to that step.
std::string lines_up_to(const std::filesystem::path& file, int64_t step) {
    std::ifstream in(file, std::ios::binary);
    std::string kept;
    std::string line;
    // A last line without its newline is half-written: getline then reports the end of the file.
    while (std::getline(in, line) && !in.eof()) {
        const Json parsed = Json::parse(line, nullptr, false);
        if (!parsed.is_object() || !parsed.contains("step") || !parsed["step"].is_number_integer()) {
            core::log::warning(file.string(), ": a damaged line was left out: ", line.substr(0, 80));
            continue;
        }
        if (parsed["step"].get<int64_t>() <= step) kept += line + '\n';
    }
    return kept;
}

/// `file`, after what a run resumed at `step` must not keep was taken out of it.
const std::filesystem::path& without_lines_after(const std::filesystem::path& file, int64_t step) {
    if (std::filesystem::exists(file)) replace_file(file, step > 0 ? lines_up_to(file, step) : std::string());
    return file;
}

}  // namespace

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::step: return "step";
        case Kind::validation: return "validation";
        case Kind::timing: return "timing";
        case Kind::final: return "final";
    }
    throw core::InternalError("unknown kind of metrics line");
}

std::string to_json_line(Kind kind, int64_t step, const Fields& fields) {
    Json line;
    line["kind"] = kind_name(kind);
    line["step"] = step;
    for (const auto& field : fields) {
        std::visit([&](const auto& value) { put(line, field.name, value); }, field.value);
    }
    // A text that is not UTF-8 (a path, a host name) must not end a training.
    return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

MetricsLog::MetricsLog(const std::filesystem::path& file, int64_t resumed_step)
    : file_(without_lines_after(file, resumed_step), O_APPEND) {}

void MetricsLog::write(Kind kind, int64_t step, const Fields& fields) {
    if (const auto news = file_.append(to_json_line(kind, step, fields) + '\n'); !news.empty())
        core::log::warning(news);
}

}  // namespace vox::report
