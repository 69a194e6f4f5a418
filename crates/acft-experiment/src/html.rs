//! The frame and the style of all pages.

use std::fmt::Display;

/// One look for all pages: plain HTML without scripts, readable in print.
pub(crate) const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;color:#1c1e21;background:#fff;max-width:52rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.3rem 0}.muted{color:#5d636b}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #dfe2e6;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}svg{max-width:100%;height:auto}\
.bar{background:#3b6fb6;height:.7rem;display:inline-block;min-width:1px}code{font-size:.9em}";

/// A page as text; `more` are rules beside the common ones, `body` is HTML.
pub fn page(title: &str, more: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}{more}</style><body>{body}</body></html>\n",
        escape(title)
    )
}

/// Escapes text, so that it is shown as it was typed.
pub fn escape(text: &(impl Display + ?Sized)) -> String {
    let mut safe = String::new();
    for c in text.to_string().chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_no_markup() {
        assert_eq!(escape("<b> & \"x\""), "&lt;b&gt; &amp; &quot;x&quot;");
    }
}
