//! Tables, and numbers in them.

use crate::out::Style;
use comfy_table::{Cell, CellAlignment, Color, LineStyle, Table, TableStyle};

/// A table with these headings; its lines are plain text when nobody watches.
pub(crate) fn table(headings: &[&str], is_coloured: bool) -> Table {
    let line = LineStyle::none().fill('─').junction('─');
    let mut table = Table::new();
    table.load_style(TableStyle::new().top_border(line).header_separator(line).bottom_border(line));
    if !is_coloured {
        table.force_no_tty();
    }
    table.set_header(headings.iter().copied());
    table
}

/// A cell in a style.
pub(crate) fn cell(text: &str, style: Style) -> Cell {
    match style {
        Style::Strong | Style::Faint => Cell::new(text),
        Style::Good => Cell::new(text).fg(Color::Green),
        Style::Bad => Cell::new(text).fg(Color::Red),
        Style::Unsure => Cell::new(text).fg(Color::Yellow),
    }
}

/// Aligns the columns with these numbers to the right.
pub(crate) fn right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A number with its thousands apart: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
