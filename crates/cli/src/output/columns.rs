//! A table of any rows, in the columns that every table of this program has: each cell padded to the width of its column
//! and 8 blanks.

use std::io::{self, Write};

/// Blanks after each column.
const GAP: usize = 8;

/// Writes `rows` below `titles`, with a dash where a cell is empty. Without rows, one empty line.
pub fn write_columns(titles: &[&str], rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out);
    }
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let shown = |cell: &String| if cell.is_empty() { "-".to_owned() } else { cell.clone() };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
    let width = |index: usize| {
        let cells = std::iter::once(&titles).chain(&rows).filter_map(|row| row.get(index));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    for row in std::iter::once(&titles).chain(&rows) {
        for (cell, width) in row.iter().zip(&widths) {
            let padding = width.saturating_sub(cell.chars().count()) + GAP;
            write!(out, "{cell}{:padding$}", "")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let print = |rows: &[Vec<String>]| {
            let mut out = Vec::new();
            write_columns(&["Name", "State"], rows, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(print(&[]), "\n");
        let rows = [["ops-pager", "é"], ["", "ok"]].map(|row| row.map(str::to_owned).to_vec());
        let expected =
            "Name             State        \nops-pager        é            \n-                ok           \n";
        assert_eq!(print(&rows), expected);
    }
}
