//! The page: plain HTML without scripts, so that it can be mailed and archived.

use std::fmt::Write;

use acft_experiment::html::{escape, page as page_of};
use acft_project::desk::Agreement;
use acft_project::ledger::Made;
use acft_worker::moment::minute;
use acft_worker::words::short;

use crate::project::commands::summary::Summary;

/// What is on the page.
pub(super) struct Content<'a> {
    pub summary: &'a Summary,
    /// As SVG, where it has points.
    pub curve: Option<&'a str>,
    pub models: &'a [Made],
    pub agreement: &'a Agreement,
    /// When it is written.
    pub at: &'a str,
}

/// The page as text.
pub(super) fn page(content: &Content<'_>) -> String {
    let of = content.summary;
    let mut body = String::new();
    let _ = write!(
        body,
        "<h1>{}</h1><p class=muted>{} · written by acft {}</p>",
        escape(&of.project),
        escape(content.at),
        env!("CARGO_PKG_VERSION")
    );
    body += &state(of);
    body += "<h2>Learning curve</h2>";
    match content.curve {
        // The picture is ours, and so safe as it is.
        Some(curve) => body += curve,
        None => body += "<p class=muted>No model was judged on held-out candidates yet.</p>",
    }
    body += &classes(of);
    body += &annotators(of);
    body += &agreement(content.agreement);
    body += &models(content);
    page_of(&format!("{} · acft report", of.project), "", &body)
}

fn state(of: &Summary) -> String {
    let budget = of
        .budget
        .map_or_else(String::new, |budget| format!(" of a budget of {budget}"));
    let mut text = format!(
        "<p><b>{}</b> labels spent{budget}; {} candidates, {} of them in the pool, {} drawn and to be labeled.</p>",
        of.labels, of.candidates, of.pool, of.waiting
    );
    let aside = [
        ("came with the data", of.given),
        ("skipped", of.skipped),
        ("flagged", of.flagged),
        ("disputed", of.disputed),
        ("unreadable", of.unreadable),
        ("labels not learned yet", of.unlearned),
    ];
    let aside: Vec<String> = aside
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(name, number)| format!("{number} {name}"))
        .collect();
    if !aside.is_empty() {
        let _ = write!(text, "<p>{}.</p>", aside.join(", "));
    }
    let gate = if of.holdout.gate {
        "Models that are worse on the holdout are not adopted."
    } else {
        "The holdout is too small yet to judge models by: each is adopted."
    };
    let _ = write!(text, "<p class=muted>{gate}</p>");
    if let Some(advice) = &of.advice {
        let _ = write!(text, "<p><b>Advice:</b> {}</p>", escape(advice));
    }
    text
}

fn classes(of: &Summary) -> String {
    let total = |select: fn(&crate::project::commands::summary::OfClass) -> usize| {
        of.classes.iter().map(select).sum::<usize>().max(1) as f64
    };
    let (learned, held) = (
        total(|class| class.learned_from),
        total(|class| class.holdout),
    );
    let mut rows = String::new();
    for class in &of.classes {
        let _ = write!(
            rows,
            "<tr><td>{}<td class=n>{}<td>{}<td class=n>{}<td>{}",
            escape(&class.name),
            class.learned_from,
            bar(class.learned_from as f64 / learned),
            class.holdout,
            bar(class.holdout as f64 / held)
        );
    }
    format!(
        "<h2>Class balance</h2><p class=muted>What was selected to learn from, beside what is held \
         out, which was drawn at random, of few groups where there are groups, where the data has no validation part.</p>\
         <table><tr><th>class<th class=n>to learn from<th>share<th class=n>held out<th>share{rows}</table>"
    )
}

fn bar(share: f64) -> String {
    format!(
        "<span class=bar style=\"width:{:.2}rem\"></span> {:.0} %",
        share * 6.0,
        share * 100.0
    )
}

fn annotators(of: &Summary) -> String {
    let mut rows = String::new();
    for one in &of.annotators {
        let _ = write!(
            rows,
            "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}",
            escape(&one.name),
            one.labels,
            one.skips,
            one.reviews,
            number(one.seconds_per_label, 1)
        );
    }
    if rows.is_empty() {
        return "<h2>Annotators</h2><p class=muted>Nobody has labeled yet.</p>".to_owned();
    }
    format!(
        "<h2>Annotators</h2><table><tr><th>who<th class=n>labels<th class=n>skips\
         <th class=n>second looks<th class=n>seconds a label{rows}</table>"
    )
}

fn agreement(of: &Agreement) -> String {
    let mut rows = String::new();
    for pair in &of.pairs {
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}",
            escape(&pair.a),
            escape(&pair.b),
            pair.n,
            pair.agreed,
            number(pair.kappa, 2)
        );
    }
    if rows.is_empty() {
        return String::new();
    }
    let _ = write!(
        rows,
        "<tr><td colspan=4>all pairs, by how much they have in common<td class=n>{}",
        number(of.kappa, 2)
    );
    format!(
        "<h2>Agreement</h2><table><tr><th>annotator<th>and<th class=n>labeled by both\
         <th class=n>agreed<th class=n>Cohen's kappa{rows}</table>"
    )
}

fn models(content: &Content<'_>) -> String {
    let current = content.summary.model.as_ref().map(|model| &model.hash);
    let mut rows = String::new();
    for made in content.models {
        let model = &made.model;
        let verdict = model.verdict;
        let _ = write!(
            rows,
            "<tr><td class=n>{}<td><code>{}</code>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{}<td>{}",
            model.step,
            short(&model.hash),
            if Some(&model.hash) == current {
                " (in use)"
            } else {
                ""
            },
            model.labels,
            number(verdict.and_then(|verdict| verdict.before), 3),
            number(verdict.and_then(|verdict| verdict.after), 3),
            minute(made.at),
            escape(&model.why)
        );
    }
    format!(
        "<h2>Models</h2><table><tr><th class=n>step<th>model<th class=n>labels<th class=n>AUC before\
         <th class=n>after<th>made<th>adopted?{rows}</table>"
    )
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}
