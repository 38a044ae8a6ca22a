#include "app/foreign_options.hpp"

#include <string>

#include "app/foreign_keys.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::app {

namespace options = boost::program_options;

options::options_description foreign_options() {
    options::options_description table("Options of other programs");
    auto add = table.add_options();
    for (const auto& foreign : foreign_keys()) {
        if (foreign.option == ForeignOption::flag) add(foreign.name.c_str(), options::bool_switch());
        if (foreign.option == ForeignOption::given) add(foreign.name.c_str(), options::value<std::string>());
    }
    return table;
}

void set_foreign_options(const Arguments& arguments, config::Document& document) {
    for (const auto& foreign : foreign_keys()) {
        if (foreign.option == ForeignOption::none || !arguments.count(foreign.name)) continue;
        const bool flag = foreign.option == ForeignOption::flag;
        if (flag && !arguments[foreign.name].as<bool>()) continue;
        const std::string value = flag ? "true" : arguments[foreign.name].as<std::string>();
        const std::string given = core::concat("--", foreign.name, flag ? "" : " " + value);
        try {
            in_our_words(foreign, value, given);
        } catch (const core::ConfigError& error) {
            throw core::UsageError(error.what());
        }
        document.set_text(foreign.name, value);
    }
}

}  // namespace vox::app
