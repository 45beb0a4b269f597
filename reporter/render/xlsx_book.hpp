// A spreadsheet of tables, written by libxlsxwriter. Text is always written as text: a cell that begins with "=" is
// no formula, whatever it holds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reporter/render/wall_clock.hpp"

struct lxw_format;
struct lxw_workbook;
struct lxw_worksheet;

namespace slimtax::reporter {

class XlsxBook;

/// One sheet: a header line that stays in view and is repeated in print, then rows.
class XlsxSheet {
public:
    /// Columns from left to right: what stands in the header, and the width in characters.
    struct Column {
        std::string_view title;
        double width = 10;
    };
    /// Rows that a sheet can take below its header.
    static constexpr std::uint32_t most_rows = 1'048'575;

    /// Begins a row; the first one stands below the header.
    XlsxSheet& row();
    /// The next cell of the row. What is longer than a cell can hold is cut.
    XlsxSheet& text(std::string_view value);
    XlsxSheet& count(std::uint64_t value);                         ///< 12,345
    XlsxSheet& number(double value);                               ///< up to two decimals
    XlsxSheet& share(double value);                                ///< a part of the whole in [0, 1], shown as per cent
    XlsxSheet& time(schemas::Instant at, const WallClock& clock);  ///< a date and time of day on that clock
    XlsxSheet& empty();

private:
    friend class XlsxBook;
    XlsxSheet(XlsxBook& book, lxw_worksheet* sheet, const std::vector<Column>& columns);

    XlsxBook* book_;
    lxw_worksheet* sheet_;
    std::uint32_t row_ = 0;
    std::uint16_t column_ = 0;
};

/// The file. The same content gives the same bytes.
class XlsxBook {
public:
    /// `made` stands in the file as its date. Throws std::runtime_error when no temporary file can be made.
    XlsxBook(const std::string& title, schemas::Instant made);
    ~XlsxBook();
    XlsxBook(const XlsxBook&) = delete;
    XlsxBook& operator=(const XlsxBook&) = delete;

    [[nodiscard]] XlsxSheet sheet(const char* name, const std::vector<XlsxSheet::Column>& columns);

    /// The file's bytes; the book is closed. Throws std::runtime_error when it could not be written.
    [[nodiscard]] std::string bytes();

private:
    friend class XlsxSheet;
    void drop();

    std::string file_;  ///< libxlsxwriter writes into a file only
    lxw_workbook* book_ = nullptr;
    lxw_format* header_ = nullptr;
    lxw_format* text_ = nullptr;
    lxw_format* count_ = nullptr;
    lxw_format* number_ = nullptr;
    lxw_format* share_ = nullptr;
    lxw_format* time_ = nullptr;
};

}  // namespace slimtax::reporter
