#include "report/number_text.hpp"

#include <cmath>
#include <cstdio>

namespace vox::report {

std::string number_text(double value) {
    if (!std::isfinite(value)) return "not finite";
    const char* unit = "";
    if (std::abs(value) >= 1e6 && std::abs(value) < 1e9) {
        value /= 1e6;
        unit = "M";
    } else if (std::abs(value) >= 1e4 && std::abs(value) < 1e6) {
        value /= 1e3;
        unit = "k";
    }
    char text[40];
    std::snprintf(text, sizeof text, "%.4g%s", value == 0.0 ? 0.0 : value, unit);  // no "-0"
    return text;
}

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    }
    return out;
}

}  // namespace vox::report
