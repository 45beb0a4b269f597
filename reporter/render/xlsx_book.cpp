#include "reporter/render/xlsx_book.hpp"

#include <unistd.h>
#include <xlsxwriter.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "reporter/html.hpp"

namespace slimtax::reporter {
namespace {

/// Excel's limit is 32,767 UTF-16 units; a byte of UTF-8 is never more than one.
constexpr std::size_t longest_text = 32'000;
/// Days from 1899-12-30, the spreadsheet's day 0, to 1970-01-01.
constexpr double days_to_1970 = 25'569;

std::string temporary_file() {
    std::string name = (std::filesystem::temp_directory_path() / "slimtax-XXXXXX.xlsx").string();
    const int file = ::mkstemps(name.data(), 5);
    if (file < 0) {
        throw std::runtime_error("no temporary file could be made for the spreadsheet in " +
                                 std::filesystem::temp_directory_path().string());
    }
    ::close(file);
    return name;
}

}  // namespace

XlsxBook::XlsxBook(const std::string& title, schemas::Instant made) : file_(temporary_file()) {
    std::string folder = std::filesystem::path(file_).parent_path().string();
    lxw_workbook_options options{LXW_FALSE, folder.data(), LXW_FALSE};
    book_ = workbook_new_opt(file_.c_str(), &options);
    if (book_ == nullptr) {
        drop();
        throw std::runtime_error("the spreadsheet could not be begun");
    }
    std::string clean = clean_text(title);
    std::string author = "slimtax";
    lxw_doc_properties properties{};
    properties.title = clean.data();
    properties.author = author.data();
    // Without a date libxlsxwriter takes the present one, and no two files would be alike.
    properties.created = std::chrono::system_clock::to_time_t(
        std::chrono::system_clock::time_point(std::chrono::floor<std::chrono::seconds>(made.time_since_epoch())));
    workbook_set_properties(book_, &properties);
    header_ = workbook_add_format(book_);
    format_set_bold(header_);
    format_set_text_wrap(header_);
    format_set_align(header_, LXW_ALIGN_VERTICAL_TOP);
    format_set_bottom(header_, LXW_BORDER_THIN);
    format_set_bg_color(header_, 0xECEEF1);
    text_ = workbook_add_format(book_);
    format_set_text_wrap(text_);
    for (const auto& [format, shape] :
         {std::pair{&count_, "#,##0"}, {&number_, "#,##0.##"}, {&share_, "0.00 %"}, {&time_, "yyyy-mm-dd hh:mm:ss"}}) {
        *format = workbook_add_format(book_);
        format_set_num_format(*format, shape);
    }
    for (lxw_format* format : {text_, count_, number_, share_, time_}) {
        format_set_align(format, LXW_ALIGN_VERTICAL_TOP);
    }
}

XlsxBook::~XlsxBook() {
    drop();
}

void XlsxBook::drop() {
    if (book_ != nullptr) {
        lxw_workbook_free(book_);
        book_ = nullptr;
    }
    if (!file_.empty()) {
        std::error_code ignored;
        std::filesystem::remove(file_, ignored);
        file_.clear();
    }
}

XlsxSheet XlsxBook::sheet(const char* name, const std::vector<XlsxSheet::Column>& columns) {
    lxw_worksheet* sheet = workbook_add_worksheet(book_, name);
    if (sheet == nullptr) {
        throw std::logic_error(std::string("no sheet can be called ") + name);
    }
    return {*this, sheet, columns};
}

std::string XlsxBook::bytes() {
    const lxw_error error = workbook_close(book_);  // frees it, also when it fails
    book_ = nullptr;
    if (error != LXW_NO_ERROR) {
        drop();
        throw std::runtime_error(std::string("the spreadsheet could not be written: ") + lxw_strerror(error));
    }
    std::ifstream in(file_, std::ios::binary);
    std::ostringstream content;
    content << in.rdbuf();
    const bool read = in.good() || in.eof();
    drop();
    if (!read || content.str().empty()) {
        throw std::runtime_error("the spreadsheet could not be read back");
    }
    return content.str();
}

XlsxSheet::XlsxSheet(XlsxBook& book, lxw_worksheet* sheet, const std::vector<Column>& columns)
    : book_(&book), sheet_(sheet) {
    for (const Column& column : columns) {
        worksheet_set_column(sheet_, column_, column_, column.width, nullptr);
        worksheet_write_string(sheet_, 0, column_, std::string(column.title).c_str(), book_->header_);
        ++column_;
    }
    worksheet_freeze_panes(sheet_, 1, 0);
    worksheet_repeat_rows(sheet_, 0, 0);
    worksheet_set_landscape(sheet_);
    constexpr std::uint8_t a4 = 9;
    worksheet_set_paper(sheet_, a4);
    worksheet_fit_to_pages(sheet_, 1, 0);
}

XlsxSheet& XlsxSheet::row() {
    ++row_;
    column_ = 0;
    return *this;
}

XlsxSheet& XlsxSheet::text(std::string_view value) {
    std::string clean = clean_text(value);
    if (clean.size() > longest_text) {
        clean = clean_text(std::string_view(clean).substr(0, longest_text));  // mends a letter that was cut
    }
    if (clean.empty()) {
        return empty();
    }
    worksheet_write_string(sheet_, row_, column_++, clean.c_str(), book_->text_);
    return *this;
}

XlsxSheet& XlsxSheet::count(std::uint64_t value) {
    worksheet_write_number(sheet_, row_, column_++, static_cast<double>(value), book_->count_);
    return *this;
}

XlsxSheet& XlsxSheet::number(double value) {
    if (!std::isfinite(value)) {
        return empty();
    }
    // Six decimals are more than any clock gives, and keep 0.1 + 0.2 readable.
    worksheet_write_number(sheet_, row_, column_++, std::round(value * 1e6) / 1e6, book_->number_);
    return *this;
}

XlsxSheet& XlsxSheet::share(double value) {
    worksheet_write_number(sheet_, row_, column_++, std::round(value * 1e9) / 1e9, book_->share_);
    return *this;
}

XlsxSheet& XlsxSheet::time(schemas::Instant at, const WallClock& clock) {
    const double days = static_cast<double>(clock.local_seconds(at)) / 86'400;
    worksheet_write_number(sheet_, row_, column_++, days_to_1970 + days, book_->time_);
    return *this;
}

XlsxSheet& XlsxSheet::empty() {
    ++column_;
    return *this;
}

}  // namespace slimtax::reporter
