use std::fmt;
use std::iter;

/// Writes a Markdown table with aligned columns: actors across, requests down.
pub(super) fn write<'r>(
    f: &mut fmt::Formatter<'_>,
    actors: &[String],
    rows: impl Iterator<Item = (&'r str, Vec<String>)>,
) -> fmt::Result {
    let line = |first: &str, cells: &[String]| -> Vec<String> {
        iter::once(first).chain(cells.iter().map(String::as_str)).map(escaped).collect()
    };
    let lines: Vec<_> = iter::once(line("request", actors))
        .chain(rows.map(|(call, cells)| line(call, &cells)))
        .collect();
    let widths: Vec<_> = (0..=actors.len())
        .map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    for (index, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            write!(f, "| {cell:<width$} ")?;
        }
        f.write_str("|\n")?;
        if index == 0 {
            widths.iter().try_for_each(|width| write!(f, "|{:-<1$}", "", width + 2))?;
            f.write_str("|\n")?;
        }
    }
    Ok(())
}

/// One line, and no column more than meant.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").replace(['\r', '\n'], " ")
}
