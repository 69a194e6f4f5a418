//! The report as a value, and its writer: one page, every figure as SVG and PNG, every table as CSV.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::Path;

use acft_figure::png;
use acft_run::files::write_atomically;
use anyhow::Context;

use crate::html::{escape, page};

/// The list of the files of a report. The next report removes those that it has not.
const LIST: &str = "files.txt";

/// The whole report.
#[derive(Default)]
pub(super) struct Document {
    pub title: String,
    /// Under the title.
    pub remark: String,
    pub sections: Vec<Section>,
}

/// The section on one data.
#[derive(Default)]
pub(super) struct Section {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// A piece of a section.
pub(super) enum Block {
    Heading(String),
    Text(String),
    /// A finding, which is set off from the text.
    Finding(String),
    Figure(Figure),
    Table(Table),
}

/// A figure, with the name of its files.
pub(super) struct Figure {
    pub name: String,
    pub svg: String,
    pub caption: String,
}

/// A table, with the name of its file. One without rows for people is in its file alone.
#[derive(Default)]
pub(super) struct Table {
    pub name: String,
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// The same for machines: one number a column.
    pub csv_head: Vec<String>,
    pub csv_rows: Vec<Vec<String>>,
}

/// A table for people.
#[derive(Clone, Default)]
pub(super) struct Value {
    pub text: String,
    pub bold: bool,
    pub number: bool,
}

impl Value {
    pub(super) fn name(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(super) fn number(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            number: true,
            ..Self::default()
        }
    }
}

const STYLE: &str = "\
body{max-width:66rem}h3{font-size:1rem;margin:1.6rem 0 .3rem}figure{margin:1rem 0}figcaption{color:#5d636b;font-size:.92rem}\
.finding{border-left:4px solid #c8370a;padding:.4rem .9rem;background:#f6f4f2;margin:.8rem 0}\
.scroll{overflow-x:auto}nav a{margin-right:1rem}\
figure>svg{max-width:100%;height:auto}\
@media print{h2~h2{break-before:page}h2,h3{break-after:avoid}figure,table,.finding{break-inside:avoid}\
body{max-width:none}.scroll{overflow:visible}table{font-size:.72rem}th,td{padding:.1rem .3rem}}";

impl Document {
    /// Writes `report.html`, `figures/` and `tables/` into `out`, and removes what an earlier report has written there and
    /// this one has not.
    pub(super) fn write(&self, out: &Path) -> anyhow::Result<()> {
        make(out)?;
        let (before, now) = (listed(out)?, self.files());
        // Listed before they are there: a report that is cut short leaves nothing that the next one does not know, and a
        // folder that is known to be one.
        list(out, before.union(&now))?;
        let (figures, tables) = (out.join("figures"), out.join("tables"));
        make(&figures)?;
        make(&tables)?;
        for block in self.sections.iter().flat_map(|section| &section.blocks) {
            match block {
                Block::Figure(figure) => {
                    let path = figures.join(&figure.name);
                    let with = |ending: &str| path.with_added_extension(ending);
                    write_atomically(&with("svg"), figure.svg.as_bytes())?;
                    write_atomically(&with("png"), &png(&figure.svg, 2.0)?)?;
                }
                Block::Table(table) => {
                    let path = tables.join(&table.name).with_added_extension("csv");
                    write_atomically(&path, &table.csv()?)?;
                }
                Block::Heading(_) | Block::Text(_) | Block::Finding(_) => {}
            }
        }
        write_atomically(&out.join("report.html"), self.html().as_bytes())?;
        for stale in before.difference(&now) {
            let path = out.join(stale);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        list(out, now.iter())
    }

    /// The files of figures and tables.
    fn files(&self) -> BTreeSet<String> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        blocks
            .flat_map(|block| match block {
                Block::Figure(figure) => ["svg", "png"]
                    .map(|ending| format!("figures/{}.{ending}", figure.name))
                    .to_vec(),
                Block::Table(table) => vec![format!("tables/{}.csv", table.name)],
                Block::Heading(_) | Block::Text(_) | Block::Finding(_) => Vec::new(),
            })
            .collect()
    }

    fn html(&self) -> String {
        let mut body = format!(
            "<h1>{}</h1><p class=muted>{}</p>",
            escape(&self.title),
            escape(&self.remark)
        );
        if self.sections.len() > 1 {
            body += "<nav>";
            for (at, section) in self.sections.iter().enumerate() {
                let _ = write!(body, "<a href=\"#s{at}\">{}</a>", escape(&section.title));
            }
            body += "</nav>";
        }
        for (at, section) in self.sections.iter().enumerate() {
            let _ = write!(body, "<h2 id=s{at}>{}</h2>", escape(&section.title));
            for block in &section.blocks {
                block.html(&mut body);
            }
        }
        page(&self.title, STYLE, &body)
    }
}

fn make(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// The files that an earlier report has written. A line that names no file directly in its two folders is ignored.
pub(super) fn listed(out: &Path) -> anyhow::Result<BTreeSet<String>> {
    let path = out.join(LIST);
    if !path.is_file() {
        return Ok(BTreeSet::new());
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let is_ours = |line: &&str| match line.split_once('/') {
        Some(("figures" | "tables", name)) => !name.contains(['/', '\\']),
        _ => false,
    };
    Ok(text.lines().filter(is_ours).map(str::to_owned).collect())
}

fn list<'a>(out: &Path, files: impl Iterator<Item = &'a String>) -> anyhow::Result<()> {
    let lines: String = files.map(|file| format!("{file}\n")).collect();
    write_atomically(&out.join(LIST), lines.as_bytes())
}

impl Block {
    fn html(&self, body: &mut String) {
        let _ = match self {
            Self::Heading(text) => write!(body, "<h3>{}</h3>", escape(text)),
            Self::Text(text) => write!(body, "<p>{}</p>", escape(text)),
            Self::Finding(text) => write!(body, "<p class=finding>{}</p>", escape(&signed(text))),
            // The picture is ours, and so safe as it is.
            Self::Figure(figure) => write!(
                body,
                "<figure>{}<figcaption>{}</figcaption></figure>",
                figure.svg,
                escape(&figure.caption)
            ),
            Self::Table(table) => {
                table.html(body);
                Ok(())
            }
        };
    }
}

/// The same with the true minus sign before numbers, as figures have it.
fn signed(text: &str) -> String {
    let mut signed = String::new();
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_minus = c == '-'
            && !before.is_alphanumeric()
            && before != '-'
            && rest.peek().is_some_and(char::is_ascii_digit);
        signed.push(if is_minus { '\u{2212}' } else { c });
        before = c;
    }
    signed
}

/// The same with line breaks only before a bracket and after a comma.
fn unbroken(text: &str) -> String {
    let kept = text.replace(' ', "\u{a0}");
    kept.replace("\u{a0}(", " (").replace(",\u{a0}", ", ")
}

impl Table {
    fn html(&self, body: &mut String) {
        if self.rows.is_empty() {
            let _ = write!(
                body,
                "<p class=muted>tables/{}.csv: {}</p>",
                escape(&self.name),
                escape(&self.caption)
            );
            return;
        }
        let first = self.rows.first();
        let is_number = |at: usize| {
            let cell = first.and_then(|row| row.get(at));
            cell.is_some_and(|cell| cell.number)
        };
        body.push_str("<figure><div class=scroll><table><tr>");
        for (at, name) in self.head.iter().enumerate() {
            let class = if is_number(at) { " class=n" } else { "" };
            let _ = write!(body, "<th{class}>{}", escape(name));
        }
        for row in &self.rows {
            body.push_str("<tr>");
            for cell in row {
                let class = if cell.number { " class=n" } else { "" };
                let (open, close) = if cell.bold { ("<b>", "</b>") } else { ("", "") };
                let text = match cell.number {
                    true => escape(&unbroken(&signed(&cell.text))),
                    false => escape(&cell.text),
                };
                let _ = write!(body, "<td{class}>{open}{text}{close}");
            }
        }
        let _ = write!(
            body,
            "</table></div><figcaption>{}</figcaption></figure>",
            escape(&self.caption)
        );
    }

    fn csv(&self) -> anyhow::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(&self.csv_head)?;
        for row in &self.csv_rows {
            csv.write_record(row)?;
        }
        Ok(csv.into_inner()?)
    }
}

/// A number for machines; empty where there is none.
pub(super) fn plain(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.6}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn minus_signs_are_those_of_numbers_alone() {
        for (text, expected) in [
            (
                "-0.265 (-0.4 to +0.1)",
                "\u{2212}0.265 (\u{2212}0.4 to +0.1)",
            ),
            ("< -52.5 %", "< \u{2212}52.5 %"),
            ("seed-0, 1e-4, 0-9, --lr -x", "seed-0, 1e-4, 0-9, --lr -x"),
        ] {
            assert_eq!(signed(text), expected);
        }
    }

    #[test]
    fn numbers_stay_whole() {
        assert_eq!(
            unbroken("< 1.0 % (below 2.0 %), anecdotal"),
            "<\u{a0}1.0\u{a0}% (below\u{a0}2.0\u{a0}%), anecdotal"
        );
    }

    #[test]
    fn what_an_earlier_report_wrote_and_this_one_has_not_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let with = |names: &[&str]| {
            let table = |name: &&str| {
                Block::Table(Table {
                    name: (*name).to_owned(),
                    csv_head: vec!["a".to_owned()],
                    ..Table::default()
                })
            };
            Document {
                sections: vec![Section {
                    blocks: names.iter().map(table).collect(),
                    ..Section::default()
                }],
                ..Document::default()
            }
        };
        let at = |name: &str| folder.path().join(name);
        with(&["kept", "failures"]).write(folder.path()).unwrap();
        std::fs::write(at("tables/mine.csv"), "").unwrap();
        std::fs::write(at("mine.csv"), "").unwrap();
        let mut list = std::fs::read_to_string(at(LIST)).unwrap();
        assert_eq!(list, "tables/failures.csv\ntables/kept.csv\n");
        list += "tables/../mine.csv\nmine.csv\n";
        std::fs::write(at(LIST), list).unwrap();
        with(&["kept"]).write(folder.path()).unwrap();
        assert!(!at("tables/failures.csv").exists());
        for name in ["tables/kept.csv", "tables/mine.csv", "mine.csv"] {
            assert!(at(name).is_file(), "{name}");
        }
        assert_eq!(
            std::fs::read_to_string(at(LIST)).unwrap(),
            "tables/kept.csv\n"
        );
    }

    #[test]
    fn a_folder_is_known_as_one_of_a_report_before_anything_else_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        let table = Table {
            name: "alc".into(),
            ..Table::default()
        };
        let document = Document {
            sections: vec![Section {
                blocks: vec![Block::Table(table)],
                ..Section::default()
            }],
            ..Document::default()
        };
        // As a kill before the first of its folders leaves it.
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("figures"), "").unwrap();
        assert!(document.write(&out).is_err());
        assert_eq!(listed(&out).unwrap().len(), 1);
    }

    #[test]
    fn what_is_written_is_whole_and_needs_no_network() {
        let folder = tempfile::tempdir().unwrap();
        let document = Document {
            title: "a <b>".into(),
            sections: vec![Section {
                title: "lung".into(),
                blocks: vec![
                    Block::Finding("x < y".into()),
                    Block::Table(Table {
                        name: "alc".into(),
                        head: vec!["arm".into(), "ALC".into()],
                        rows: vec![vec![
                            Value::name("RFT"),
                            Value {
                                bold: true,
                                ..Value::number("0.9")
                            },
                        ]],
                        csv_head: vec!["arm".into(), "alc".into()],
                        csv_rows: vec![vec!["R,FT".into(), plain(Some(0.9))]],
                        ..Table::default()
                    }),
                    Block::Figure(Figure {
                        name: "lung-RCFT(HQ)-1.0".into(),
                        svg: acft_figure::svg::document(10.0, 10.0, "t", Vec::new()),
                        caption: String::new(),
                    }),
                ],
            }],
            ..Document::default()
        };
        document.write(folder.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let html = read("report.html");
        for part in ["a &lt;b&gt;", "x &lt; y", "<td class=n><b>0.9</b>", "<svg"] {
            assert!(html.contains(part), "{part}");
        }
        let outside = ["http://www.w3.org/2000/svg"];
        assert_eq!(
            html.matches("http").count(),
            outside
                .iter()
                .map(|known| html.matches(known).count())
                .sum::<usize>()
        );
        assert_eq!(read("tables/alc.csv"), "arm,alc\n\"R,FT\",0.900000\n");
        assert!(
            folder
                .path()
                .join("figures/lung-RCFT(HQ)-1.0.png")
                .is_file()
        );
    }
}
