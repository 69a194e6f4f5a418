//! Reads pages: their blocks of commands, and their links.

use std::fs;
use std::path::Path;

/// What the test does with a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Run,
    /// Into the file of this name.
    Write(String),
    Skip,
}

/// A fenced block of a page.
#[derive(Debug)]
pub(super) struct Block {
    /// The line of its fence, from 1.
    pub(super) line: usize,
    pub(super) what: What,
    pub(super) text: String,
}

/// The fenced blocks of a page, in order.
pub(super) fn blocks(page: &Path) -> Vec<Block> {
    parse(&fs::read_to_string(page).unwrap())
}

fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (row, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, open.as_mut()) {
            (Some(tag), None) => {
                open = Some(Block {
                    line: row + 1,
                    what: what(tag.trim(), row + 1),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text += line;
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

fn what(tag: &str, line: usize) -> What {
    let words: Vec<&str> = tag.split_whitespace().collect();
    match words[..] {
        ["sh"] => What::Run,
        ["sh", "no-run"] => What::Skip,
        ["toml", name] => What::Write(name.to_owned()),
        // Commands under another tag would not be run.
        ["sh" | "bash" | "shell" | "console", ..] => {
            panic!("line {line}: tag commands `sh`, or `sh no-run`, and not `{tag}`")
        }
        _ => What::Skip,
    }
}

/// The targets of a page's links and pictures, without those to other hosts.
pub(super) fn links(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .filter(|link| !link.contains("://"))
        .collect()
}

/// Whether a link of a page leads to a file and, if it names one, to a heading.
pub(super) fn look_up(page: &Path, link: &str) -> Result<(), String> {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let file = match file {
        "" => page.to_owned(),
        name => page.parent().unwrap().join(name),
    };
    if !file.exists() {
        return Err("there is no such file".to_owned());
    }
    if heading.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(&file).unwrap();
    let found = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line) == heading);
    found
        .then_some(())
        .ok_or_else(|| "there is no such heading".to_owned())
}

/// What GitHub makes of a heading to link to it.
fn anchor(line: &str) -> String {
    line.trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|&one| one.is_alphanumeric() || " -_".contains(one))
        .map(|one| if one == ' ' { '-' } else { one })
        .collect()
}

#[test]
fn blocks_are_found_with_their_lines() {
    let blocks = parse("a\n```sh\nacft --help\n```\n1. b\n\n   ```toml x.toml\n   y = 1\n   ```\n");
    let [help, settings] = &blocks[..] else {
        panic!("{blocks:?}");
    };
    assert_eq!((help.line, &help.what), (2, &What::Run));
    assert_eq!(help.text, "acft --help\n");
    assert_eq!(settings.what, What::Write("x.toml".to_owned()));
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(
        anchor("## What is refused, and why"),
        "what-is-refused-and-why"
    );
}
