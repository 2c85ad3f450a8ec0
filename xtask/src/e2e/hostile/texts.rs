//! Two hundred texts that nobody should have as a name: scripts for every way into a page, letters that turn the line
//! round, letters that nobody sees, and more of them than fit. Each ends with its number, so that it is one of a kind.

/// How many there are.
pub const COUNT: usize = 200;

/// Ways of a text to become more than text; `@` is the listener's address, which none of them may reach.
const SCRIPTS: &[&str] = &[
    "<script>window.__pwned=1</script>",
    "<script src=http://@/t/script></script>",
    "</script><script>window.__pwned=1</script>",
    "</title><script>window.__pwned=1</script>",
    "</textarea><script>window.__pwned=1</script>",
    "</style><script>window.__pwned=1</script>",
    "--><script>window.__pwned=1</script>",
    "]]><script>window.__pwned=1</script>",
    "\"><script>window.__pwned=1</script>",
    "'><img src=x onerror=window.__pwned=1>",
    "<img src=x onerror=window.__pwned=1>",
    "<img src=http://@/t/img>",
    "<img/src=`x`onerror=window.__pwned=1>",
    "<img srcset='http://@/t/srcset 1x'>",
    "<ImG sRc=x OnErRoR=window.__pwned=1>",
    "<img src=x:alert(1) onerror=eval(src)>",
    "<svg onload=window.__pwned=1>",
    "<svg><script>window.__pwned=1</script></svg>",
    "<svg><animate onbegin=window.__pwned=1 attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:window.__pwned=1><text y=20>x</text></a></svg>",
    "<svg><use href=http://@/t/use#x></use></svg>",
    "<svg><image href=http://@/t/image></svg>",
    "<svg><foreignObject><img src=x onerror=window.__pwned=1></foreignObject></svg>",
    "<svg><style><img src=x onerror=window.__pwned=1></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=window.__pwned=1&gt;'>",
    "<math href=javascript:window.__pwned=1>x</math>",
    "<noscript><p title='</noscript><img src=x onerror=window.__pwned=1>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=window.__pwned=1>",
    "<iframe src=javascript:parent.__pwned=1></iframe>",
    "<iframe srcdoc='<script>parent.__pwned=1</script>'></iframe>",
    "<iframe src=http://@/t/iframe></iframe>",
    "<object data=http://@/t/object></object>",
    "<embed src=http://@/t/embed>",
    "<link rel=stylesheet href=http://@/t/link>",
    "<link rel=prefetch href=http://@/t/prefetch>",
    "<meta http-equiv=refresh content='0;url=http://@/t/refresh'>",
    "<base href=http://@/t/base/>",
    "<style>@import url(http://@/t/import);</style>",
    "<style>*{background:url(http://@/t/style)}</style>",
    "<div style=background:url(http://@/t/inline)>",
    "<video src=http://@/t/video onerror=window.__pwned=1></video>",
    "<video poster=http://@/t/poster></video>",
    "<audio src=http://@/t/audio autoplay>",
    "<source src=x onerror=window.__pwned=1>",
    "<body onload=window.__pwned=1>",
    "<body background=http://@/t/body>",
    "<input autofocus onfocus=window.__pwned=1>",
    "<select autofocus onfocus=window.__pwned=1>",
    "<details open ontoggle=window.__pwned=1>",
    "<marquee onstart=window.__pwned=1>",
    "<a href=javascript:window.__pwned=1>click</a>",
    "<a href=\"java\tscript:window.__pwned=1\">click</a>",
    "<a href='data:text/html,<script>parent.__pwned=1</script>'>click</a>",
    "<a href=http://@/t/ping ping=http://@/t/pinged>click</a>",
    "<form action=http://@/t/form><button>go</button></form>",
    "<button formaction=javascript:window.__pwned=1>x</button>",
    "<template><script>window.__pwned=1</script></template>",
    "<x onclick=window.__pwned=1>x</x>",
    "<p onmouseover=window.__pwned=1>hover</p>",
    "<div draggable=true ondragstart=window.__pwned=1>drag</div>",
    "javascript:window.__pwned=1",
    "JaVaScRiPt:window.__pwned=1",
    "javascript://%0awindow.__pwned=1",
    "data:text/html;base64,PHNjcmlwdD5wYXJlbnQuX19wd25lZD0xPC9zY3JpcHQ+",
    "vbscript:msgbox(1)",
    "aftercall://call/CA0?t=1&x=<script>",
    "file:///etc/passwd",
    "rec://localhost/../../etc/passwd",
    "http://@/t/plain",
    "//@/t/scheme-relative",
    "{{constructor.constructor('window.__pwned=1')()}}",
    "{@html '<img src=x onerror=window.__pwned=1>'}",
    "${window.__pwned=1}",
    "#{window.__pwned=1}",
    "<%= window.__pwned=1 %>",
    "{{7*7}}${7*7}<%=7*7%>",
    "\\u003cscript\\u003ewindow.__pwned=1\\u003c/script\\u003e",
    "\\x3cscript\\x3ewindow.__pwned=1\\x3c/script\\x3e",
    "&lt;script&gt;window.__pwned=1&lt;/script&gt;",
    "&#60;script&#62;window.__pwned=1&#60;/script&#62;",
    "&amp;lt;script&amp;gt;",
    "%3Cscript%3Ewindow.__pwned=1%3C/script%3E",
    "+ADw-script+AD4-window.__pwned=1+ADw-/script+AD4-",
    "\u{ff1c}script\u{ff1e}window.__pwned=1\u{ff1c}/script\u{ff1e}",
    "<script\u{a0}>window.__pwned=1</script>",
    "<scr<script>ipt>window.__pwned=1</scr</script>ipt>",
    "<scr\u{200b}ipt>window.__pwned=1</scr\u{200b}ipt>",
    "<!--<img src='--><img src=x onerror=window.__pwned=1>'>",
    "<![CDATA[<script>window.__pwned=1</script>]]>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "`-window.__pwned=1-`",
    "'-window.__pwned=1-'",
    "\";window.__pwned=1;//",
    "';window.__pwned=1;//",
    "\\';window.__pwned=1;//",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "[object Object]",
    "undefined",
    "null",
    "NaN",
    "'; DROP TABLE leads; --",
    "\" OR 1=1 --",
    "* OR name:*",
    "=cmd|'/C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "%s%s%s%n%x",
    "$(touch /tmp/x)`id`;|&",
    "../../../../etc/passwd",
    "C:\\Windows\\System32\\con",
    "[a](javascript:window.__pwned=1) **b** _c_ # d",
];

/// Letters that turn lines round, that are not seen, or that are many for one.
const LETTERS: &[&str] = &[
    "\u{202e}gnp.elif",
    "\u{202d}יעל כהן",
    "abc\u{202e}def\u{202c}ghi",
    "\u{2067}abc",
    "\u{2066}יעל",
    "\u{2068}\u{2068}\u{2068}open",
    "closed\u{2069}\u{2069}\u{2069}\u{202c}\u{202c}",
    "\u{200f}-+972 50-555-0101",
    "\u{200e}(יעל)",
    "\u{61c}٠١٢٣",
    "(יעל [כהן] {לוי} <b>)",
    "יעל \"abc\" כהן (x)!",
    "אבג abc דהו 123 זחט",
    "عربي עברית English 123",
    "שָׁלוֹם עֲלֵיכֶם",
    "צה\"ל ו־ז׳בוטינסקי",
    "a\u{200b}b\u{200c}c\u{200d}d\u{2060}e\u{feff}f",
    "\u{200b}\u{200b}\u{200b}x",
    "soft\u{ad}hy\u{ad}phen",
    "a\u{34f}b\u{180e}c\u{115f}d\u{3164}e",
    "\u{2800}\u{2800}braille blank",
    "tag\u{e0061}\u{e0062}\u{e007f}s",
    "Z\u{36f}\u{36f}\u{336}\u{337}\u{338}\u{321}\u{322}\u{327}\u{328}a\u{300}\u{301}\u{302}\u{303}l\u{304}\u{305}g\u{306}o",
    "e\u{301} é",
    "ﷺ ﷽",
    "𝕿𝖊𝖘𝖙 𝔘𝔫𝔦",
    "ｆｕｌｌ ｗｉｄｔｈ",
    "\u{212b} \u{c5} A\u{30a}",
    "I\u{307} ı İ ß ẞ ﬁ",
    "👩‍👩‍👧‍👦 👨🏿‍🚀 🏳️‍🌈",
    "🇮🇱🇮🇱🇮 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "1️⃣ #️⃣ *️⃣",
    "❤ ❤️ ❤︎ ☎︎ ☎️",
    "🧑‍🤝‍🧑🏻🏿‍‍‍",
    "日本語 한국어 ไทย हिन्दी தமிழ்",
    "ꙮ 𒐫 ﷽ ௵",
    "line\nbreak",
    "tab\tand\tmore",
    "para\u{2029}graph\u{2028}line",
    "carriage\r\nreturn",
    "vertical\u{b}form\u{c}feed",
    "bell\u{7}escape\u{1b}[31mred",
    "del\u{7f}\u{80}\u{9f}",
    "replacement \u{fffd} \u{fffe}",
    "private \u{e000}\u{f8ff}\u{f0000}",
    "  spaces   within    and  more",
    "nbsp\u{a0}\u{a0}\u{a0}nbsp",
    "0",
    "-1e308",
    "٣ ۳ ३",
    "٠٥٠-٥٥٥-٠١٠١",
    "+972 (0)50 555 01 01 ext. 3",
    "…",
    "\u{202e}\u{202e}\u{202e}",
];

/// All of them, with the listener's address in those that would ask for something.
pub fn all(listener: &str) -> Vec<String> {
    let mut texts: Vec<String> =
        SCRIPTS.iter().map(|text| text.replace('@', listener)).chain(LETTERS.iter().map(|&text| text.into())).collect();
    // As long as a text may be: in one word, in many, and in each kind of letter.
    for unit in
        ["x", "word ", "א", "מילה ", "W", "👩‍👩‍👧‍👦", "e\u{301}\u{302}", "\u{202e}a", "\u{200b}a", "<b>", "&amp;", "日"]
    {
        let letters = unit.chars().count();
        texts.push(unit.repeat(10_000 / letters));
    }
    // The rest is two of the others together: what one opens the next one is in.
    let whole = texts.len();
    for n in 0..COUNT.saturating_sub(whole) {
        texts.push(format!("{} {}", LETTERS[n % LETTERS.len()], texts[(n * 7) % SCRIPTS.len()]));
    }
    texts.truncate(COUNT);
    texts.iter().enumerate().map(|(n, text)| format!("{text} \u{b7}{n:03}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_hundred_and_each_is_one_of_a_kind() {
        let texts = all("127.0.0.1:1");
        let distinct: std::collections::BTreeSet<_> = texts.iter().map(|text| text.trim()).collect();
        assert_eq!((texts.len(), distinct.len()), (COUNT, COUNT));
        assert!(SCRIPTS.len() >= 100 && LETTERS.len() >= 50);
        assert!(texts.iter().filter(|text| text.chars().count() >= 9_990).count() >= 12);
        assert!(texts.iter().all(|text| !text.contains("http://@")));
    }
}
