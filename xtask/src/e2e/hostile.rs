//! Texts of strangers on every screen of the real window, and every way out of a page that its engine has: the texts stay
//! texts, the page keeps its shape, and nothing arrives anywhere.
//!
//! The sandbox serves two hundred texts in every field that holds words. What would arrive is shown first: the same ways
//! out of a page that forbids nothing, in the same engine, reach the same kind of listener.

mod listener;
mod sockets;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use self::listener::Listener;
use crate::checks::Checks;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::page::{ESCAPE, PATIENCE, Page};
use crate::stage::{Props, Stage, Window};
use crate::{paths, programs, until_interrupted};

/// Pages of calls and of leads that the run of every test opens; the lists show all texts in both.
pub const PAGES_SHORT: usize = 12;
/// Enough that nearly each text belongs to a call.
const CALLS: &str = "1600";
/// A call has the text that its sid gives, and not every call has a summary: a few texts are nobody's.
const SUMMARIES_MIN: usize = 190;
/// Each text belongs to a lead, by its number.
const LEADS: usize = 220;
/// Ways that must work where nothing forbids them, or trying them proves nothing.
const WAYS_MIN: usize = 30;
/// A way out takes this long at most; what is refused takes no time.
const SETTLE: Duration = Duration::from_millis(2_500);
/// A page that asks for nothing and forbids nothing.
const BARE: &str =
    "<!doctype html><meta charset=utf-8><title>bare</title><style>p{}</style><p>bare</p><div id=app></div>";

/// Fields of the CRM's answers that hold words, and where they come from.
const FIELDS: &[(&str, &[&str])] = &[
    ("/api/statuses*", &["label"]),
    ("/api/lead-statuses*", &["label"]),
    ("/api/auth/*", &["name"]),
    (
        "/api/*",
        &[
            "full_name",
            "name",
            "first_name",
            "last_name",
            "source",
            "tags",
            "summary",
            "notes",
            "title",
            "description",
            "location",
            "contact_name",
            "content",
            "note",
            "payload",
            "transcription",
            "transcript",
            "final_transcript",
            "call_summary",
        ],
    ),
];

/// What `ui/e2e/texts.js` found.
#[derive(Debug, Deserialize)]
struct Found {
    columns: BTreeMap<String, Vec<usize>>,
    shown: Vec<usize>,
    held: Vec<usize>,
    wrong: Vec<String>,
    shape: Vec<String>,
    pwned: bool,
    violations: Vec<String>,
}

/// How much of it.
#[derive(clap::Args)]
pub struct Asked {
    /// Pages of calls, and of leads, that are opened: one for each text
    #[arg(long, default_value_t = texts::COUNT)]
    pages: usize,
    /// Take the programs as they were built before
    #[arg(long)]
    built: bool,
}

/// Builds the programs and makes the whole run: every text on every kind of page.
pub fn hostile(asked: &Asked) -> Result<Checks, Failure> {
    if !asked.built {
        programs::build_programs()?;
    }
    let mut checks = Checks::default();
    with_built_programs(asked.pages, &mut checks)?;
    println!("{} passed, {} failed; pictures and logs are in target/e2e", checks.passed, checks.failed.len());
    if checks.failed.is_empty() { Ok(checks) } else { Err(Failure::Several { count: checks.failed.len() }) }
}

/// The run with the programs as they were built before; `pages` of calls and as many of leads are opened.
pub fn with_built_programs(pages: usize, checks: &mut Checks) -> Result<(), Failure> {
    programs::check_built()?;
    println!("Texts of strangers, and ways out of the window");
    match until_interrupted(run(pages, &paths::results("e2e")?, checks)) {
        Ok(()) => {}
        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
        Err(failure) => checks.broke(&failure),
    }
    Ok(())
}

async fn run(pages: usize, results: &Path, checks: &mut Checks) -> Result<(), Failure> {
    let logs = results.join("logs/hostile");
    std::fs::create_dir_all(&logs).map_err(|e| Failure::file(&logs, e))?;
    let listener = Listener::open("").await?;
    let texts = texts::all(&listener.address);
    let script = logs.join("script.json");
    let rules: Vec<Value> = FIELDS
        .iter()
        .map(|(path, fields)| json!({"match": {"path": path}, "do": [{"texts": {"fields": fields, "with": texts}}]}))
        .collect();
    std::fs::write(&script, Value::from(rules).to_string()).map_err(|e| Failure::file(&script, e))?;
    let props = Props { hidden: true, keychain: false, prepare_polls: 0 };
    let (leads, script) = (LEADS.to_string(), script.to_string_lossy());
    let asked: [&str; 6] = ["--script", &script, "--calls", CALLS, "--leads", &leads];
    let asked = asked.map(str::to_owned);
    let stage = Stage::set_with(props, &asked, &logs).await?;
    let mut environment = stage.environment();
    environment.push(("AFTERCALL_KEY_FILE", stage.scratch("root.key").to_string_lossy().into_owned()));

    let bare = Window::browser("bare", &environment, &logs).await?;
    let worked = out_of_a_bare_page(&Page::new(&bare.client, results)).await;
    bare.close().await;
    let worked = worked?;
    checks.rule(
        &format!("of the ways out of a page, at least {WAYS_MIN} work in this engine where nothing forbids them"),
        worked.len() >= WAYS_MIN,
        format!("{} did: {worked:?}", worked.len()),
    );
    println!("        {} of them do", worked.len());

    let binary = paths::built("aftercall")?;
    let window = Window::open("hostile", &binary, &stage.profile(), &environment, &logs).await?;
    let mut page = Page::new(&window.client, results);
    let cli = Cli::new(&stage.profile(), environment)?;
    let mut walk = Walk { texts: &texts, pid: window.id(), checks: &mut *checks, outside: BTreeSet::new(), sockets: 0 };
    let walked = walk.through(&mut page, &stage, &cli, pages).await;
    if walked.is_err() {
        // What the window showed when it went wrong.
        let _ = page.picture("hostile-failed", true).await;
    }
    let Walk { outside, sockets, .. } = walk;
    window.close().await;
    stage.clear().await;
    walked?;
    let arrived = listener.arrived();
    checks.rule("nothing arrived from the window, of the texts and of all ways out", arrived.is_empty(), {
        format!("{} did: {arrived:?}", arrived.len())
    });
    checks.rule("the window had no socket beyond this machine", outside.is_empty() && sockets > 0, {
        format!("{sockets} looked at, outside: {outside:?}")
    });
    Ok(())
}

/// The names of the ways that reach a listener from a page that forbids nothing.
async fn out_of_a_bare_page(page: &Page) -> Result<BTreeSet<String>, Failure> {
    let listener = Listener::open(BARE).await?;
    let home = format!("http://{}/", listener.address);
    page.open(&home).await?;
    let all = ways(page).await?;
    // As one page: what one of them breaks, another still has.
    for few in all.ways.chunks(10) {
        page.open(&home).await?;
        // A page that was left answers nothing, and that is an answer.
        let _ = attempt(page, &listener.address, few).await;
    }
    for one in &all.leaving {
        page.open(&home).await?;
        let _ = attempt(page, &listener.address, std::slice::from_ref(one)).await;
        sleep(Duration::from_millis(400)).await;
    }
    sleep(SETTLE).await;
    Ok(names_of(&listener.arrived()))
}

/// `GET /way/fetch HTTP/1.1` came by `fetch`; a connection without a word by `preconnect`.
fn names_of(arrived: &[String]) -> BTreeSet<String> {
    let name = |line: &String| {
        if line == "a connection" {
            return Some("preconnect".to_owned());
        }
        let name = line.split("/way/").nth(1)?;
        Some(name.split([' ', '?', '#']).next().unwrap_or_default().to_owned())
    };
    arrived.iter().filter_map(name).collect()
}

#[derive(Deserialize)]
struct Ways {
    ways: Vec<String>,
    leaving: Vec<String>,
}

async fn ways(page: &Page) -> Result<Ways, Failure> {
    let all =
        page.script_async(include_str!("../../../ui/e2e/ways.js"), vec![json!("http://127.0.0.1:9"), Value::Null]);
    serde_json::from_value(all.await?).map_err(|e| Failure::answer("the list of ways", e))
}

async fn attempt(page: &Page, address: &str, names: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let said = page
        .script_async(include_str!("../../../ui/e2e/ways.js"), vec![json!(format!("http://{address}")), json!(names)])
        .await?;
    serde_json::from_value(said).map_err(|e| Failure::answer("the ways out", e))
}

/// The mask of the window's own process, and how large its dumps may be: soft and hard limit.
fn kept_private(driver: u32) -> (Vec<String>, Vec<String>) {
    let field = |id: u32, file: &str, name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
        let words = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        words.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    let ours = sockets::family(driver).into_iter().filter(|(_, name)| name == "aftercall").map(|(id, _)| id);
    ours.map(|id| (field(id, "status", "Umask:"), field(id, "limits", "Max core file size"))).unzip()
}

/// One way through the window.
struct Walk<'a> {
    texts: &'a [String],
    /// The driver, which started the window.
    pid: Option<u32>,
    checks: &'a mut Checks,
    outside: BTreeSet<String>,
    sockets: usize,
}

impl Walk<'_> {
    async fn through(&mut self, page: &mut Page, stage: &Stage, cli: &Cli, pages: usize) -> Result<(), Failure> {
        page.find("sign-in-submit").await?;
        page.script("window.__texts = arguments[0];", vec![json!(self.texts)]).await?;
        page.script(
            "window.__violations = []; document.addEventListener('securitypolicyviolation', \
             (event) => window.__violations.push(event.violatedDirective + ' ' + event.blockedURI));",
            vec![],
        )
        .await?;
        page.sign_in_to(&stage.sandbox.ready).await?;
        let (masks, cores) = kept_private(self.pid.unwrap_or(0));
        self.checks.rule(
            "the window's process makes nothing for others, and is never dumped",
            masks == ["0077"] && cores == ["0 0"],
            format!("umask {masks:?}, core {cores:?}"),
        );
        self.until_all_is_here(cli).await?;
        page.click("nav-leads").await?;
        page.find("leads-grid").await?;
        let names = self.list(page, "leads", "lead-row", &[("lead name", "[data-testid=lead-row] .name")]).await?;
        self.nearly_all_of_them("as names of leads", &names["lead name"], texts::COUNT);
        self.pages(page, "lead", pages).await?;
        page.click("nav-calls").await?;
        page.find("calls-grid").await?;
        let columns =
            [("call name", "[data-testid=call-row] .nm .name"), ("call summary", "[data-testid=call-row] .nm .nt")];
        let seen = self.list(page, "calls", "call-row", &columns).await?;
        self.nearly_all_of_them("as summaries of calls", &seen["call summary"], SUMMARIES_MIN);
        self.pages(page, "call", pages).await?;
        self.other_screens(page).await?;
        self.look(page, "after all screens", &[], None).await?;
        self.ways_out(page, stage).await
    }

    /// Every lead and every call, as the window's own sync brings them.
    async fn until_all_is_here(&self, cli: &Cli) -> Result<(), Failure> {
        let end = Instant::now() + 2 * PATIENCE;
        loop {
            let leads = cli.ask(&["leads", "--limit", "1"], None)?["total"].as_u64().unwrap_or(0);
            let calls = cli.ask(&["calls", "--limit", "1"], None)?["total"].as_u64().unwrap_or(0);
            // The CRM lists none of the newest calls twice, and a few belong to others: most are enough.
            if leads >= LEADS as u64 && calls + 100 >= CALLS.parse().unwrap_or(0) {
                return Ok(());
            }
            if Instant::now() > end {
                let seen = format!("{leads} leads, {calls} calls");
                return Err(Failure::Waited { what: "all texts to be here".into(), seconds: 120, seen });
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Looks at what is shown now; everything that may not be is told.
    async fn look(
        &mut self,
        page: &Page,
        screen: &str,
        columns: &[(&str, &str)],
        holder: Option<&str>,
    ) -> Result<Found, Failure> {
        let columns: BTreeMap<&str, &str> = columns.iter().copied().collect();
        let arguments = vec![json!(columns), json!(holder)];
        let found = page.script(include_str!("../../../ui/e2e/texts.js"), arguments).await?;
        let found: Found = serde_json::from_value(found).map_err(|e| Failure::answer("the page's texts", e))?;
        let is_well = found.wrong.is_empty() && found.shape.is_empty() && !found.pwned && found.violations.is_empty();
        if !is_well {
            let (wrong, shape) = (found.wrong.join("; "), found.shape.join("; "));
            let ran = if found.pwned { "a script of a text ran; " } else { "" };
            let told = format!("{ran}{wrong} {shape} {}", found.violations.join("; "));
            self.checks.rule(&format!("texts stay texts and the page keeps its shape ({screen})"), false, told);
        }
        let (sockets, outside) = sockets::beyond_loopback(&sockets::family(self.pid.unwrap_or(0)));
        self.sockets = self.sockets.max(sockets);
        self.outside.extend(outside);
        Ok(found)
    }

    fn well(&mut self, screen: &str, before: usize) {
        if self.checks.failed.len() == before {
            self.checks.step(&format!("texts stay texts and the page keeps its shape ({screen})"));
        }
    }

    fn nearly_all_of_them(&mut self, what: &str, seen: &BTreeSet<usize>, least: usize) {
        let missing: Vec<usize> = (0..texts::COUNT).filter(|number| !seen.contains(number)).collect();
        let rule = format!("at least {least} of the 200 texts are shown {what}");
        self.checks.rule(&rule, seen.len() >= least, format!("not {missing:?}"));
    }

    /// A list from its first row to its last.
    async fn list(
        &mut self,
        page: &mut Page,
        name: &str,
        row: &str,
        columns: &[(&str, &str)],
    ) -> Result<BTreeMap<String, BTreeSet<usize>>, Failure> {
        let before = self.checks.failed.len();
        let mut seen: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        page.find(row).await?;
        page.picture(&format!("hostile-{name}"), true).await?;
        self.scroll(page, name, Some(0)).await?;
        loop {
            let found = self.look(page, name, columns, None).await?;
            for (column, numbers) in found.columns {
                seen.entry(column).or_default().extend(numbers);
            }
            if self.checks.failed.len() > before || !self.scroll(page, name, None).await? {
                break;
            }
        }
        self.scroll(page, name, Some(0)).await?;
        self.well(name, before);
        Ok(seen)
    }

    /// One view further, or to a place; waits until the rows are there. False at the end.
    async fn scroll(&self, page: &Page, name: &str, to: Option<u32>) -> Result<bool, Failure> {
        let script = "const [grid, to, done] = arguments; \
            const scroller = document.querySelector(`[data-testid=${grid}-grid] .scroller`); \
            const before = scroller.scrollTop; \
            scroller.scrollTop = to ?? before + scroller.clientHeight - 36; \
            const until = performance.now() + 5000; \
            const settled = () => { const box = scroller.getBoundingClientRect(); \
              const rows = [...scroller.querySelectorAll('.item')].filter((item) => { \
                const { top, bottom } = item.getBoundingClientRect(); return bottom > box.top && top < box.bottom; }); \
              return rows.length > 0 && rows.every((item) => item.querySelector('[role=row]') !== null); }; \
            const look = () => settled() || performance.now() > until \
              ? done(scroller.scrollTop !== before) : requestAnimationFrame(look); \
            requestAnimationFrame(() => requestAnimationFrame(look));";
        Ok(page.script_async(script, vec![json!(name), json!(to)]).await?.as_bool().unwrap_or(false))
    }

    /// Opens pages from their list, each with another text, and comes back.
    async fn pages(&mut self, page: &mut Page, kind: &str, count: usize) -> Result<(), Failure> {
        let list = format!("{kind}s");
        // What is chosen by, and what shows long texts in lines.
        let (by, holder) = match kind {
            "lead" => (".name", "[data-testid=lead-page] .tl .text"),
            _ => (".nt", "[data-testid=call-line] .said"),
        };
        let before = self.checks.failed.len();
        let (mut covered, mut shown, mut held) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        while covered.len() < count && self.checks.failed.len() == before {
            let open = "const [row, by, covered] = arguments; \
                const box = document.querySelector('.scroller').getBoundingClientRect(); \
                for (const one of document.querySelectorAll(`[data-testid=${row}]`)) { \
                  const { top, bottom } = one.getBoundingClientRect(); \
                  if (top < box.top || bottom > box.bottom) continue; \
                  const number = window.__numberOf(one.querySelector(by)?.textContent ?? ''); \
                  if (number === undefined || covered.includes(number)) continue; \
                  one.dispatchEvent(new MouseEvent('dblclick', { bubbles: true })); \
                  return [number, one.dataset.sid ?? one.dataset.id]; } \
                return null;";
            let arguments = vec![json!(format!("{kind}-row")), json!(by), json!(covered)];
            let opened = page.script(open, arguments).await?;
            let Some((number, key)) =
                serde_json::from_value::<Option<(usize, String)>>(opened).map_err(|e| Failure::answer("a row", e))?
            else {
                if !self.scroll(page, &list, None).await? {
                    break;
                }
                continue;
            };
            covered.insert(number);
            let id = if kind == "lead" { "id" } else { "sid" };
            let css = format!("[data-testid='{kind}-page'][data-{id}='{key}']");
            page.find_css(&css, "the page").await?;
            if kind == "lead" {
                // What the CRM has of it comes behind what is known.
                page.find_css("[data-testid='lead-activity']", "the lead's own page").await?;
            }
            let found = self.look(page, &format!("{kind} {key}"), &[], Some(holder)).await?;
            if covered.len() == 1 {
                page.picture(&format!("hostile-{kind}"), true).await?;
            }
            shown.extend(found.shown);
            held.extend(found.held);
            page.click(&format!("{kind}-back")).await?;
            page.find(&format!("{kind}-row")).await?;
        }
        self.well(&format!("{} pages of {list}", covered.len()), before);
        let (opened, count) = (covered.len(), count.min(texts::COUNT));
        self.checks.rule(
            &format!("the pages of {count} {list} with different texts show them, and those that stand in lines"),
            opened >= count && covered.is_subset(&shown) && !held.is_empty(),
            format!("{opened} opened, {} shown, {} in lines", shown.len(), held.len()),
        );
        Ok(())
    }

    async fn other_screens(&mut self, page: &mut Page) -> Result<(), Failure> {
        let before = self.checks.failed.len();
        page.click("nav-appointments").await?;
        page.find("appointment").await?;
        let titles = [("appointment title", "[data-testid=appointment] .who .muted:last-child")];
        let agenda = self.look(page, "appointments", &titles, None).await?;
        page.picture("hostile-appointments", true).await?;
        self.checks.rule("appointments show texts as titles", !agenda.columns["appointment title"].is_empty(), "none");
        page.click("nav-settings").await?;
        page.click_css("[data-view='account']").await?;
        page.find_css("[data-testid='settings'][data-part='account']", "the account").await?;
        let account = self.look(page, "account", &[("person", "[data-testid=settings] h2[dir=auto]")], None).await?;
        self.checks.rule("the account shows a text as its name", account.columns["person"].len() == 1, "none");
        page.click("palette-open").await?;
        page.type_into("palette-input", "script").await?;
        page.find("palette-lead").await?;
        self.look(page, "palette", &[], None).await?;
        page.picture("hostile-palette", true).await?;
        page.press_here(ESCAPE).await?;
        page.gone("palette").await?;
        page.click("nav-calls").await?;
        page.find("calls-grid").await?;
        let script = "return [...document.querySelectorAll('[data-testid=call-row]')].find((row) => \
            row.querySelector('[data-testid=call-play]') && row.querySelector('.nm .name'))?.dataset.sid ?? ''";
        let sid = page.script(script, vec![]).await?.as_str().unwrap_or_default().to_owned();
        page.play_call(&sid).await?;
        page.until_dock("a recording in the player", PATIENCE, |_| {}, |dock| dock.recording_state == "on_device")
            .await?;
        let dock = self.look(page, "the player", &[], None).await?;
        self.checks.rule("the player shows a text as the call's name", !dock.shown.is_empty(), "none");
        page.click("nav-offline").await?;
        page.find("kept-row").await?;
        let kept = self.look(page, "offline", &[], None).await?;
        page.picture("hostile-offline", true).await?;
        self.checks.rule("what is kept shows a text as its name", !kept.shown.is_empty(), "none");
        for button in ["nav-doctor", "nav-calls"] {
            page.click(button).await?;
            self.look(page, button, &[], None).await?;
        }
        self.well("appointments, account, palette, player, offline, doctor", before);
        Ok(())
    }

    /// Every way out, from within the window's own page.
    async fn ways_out(&mut self, page: &Page, stage: &Stage) -> Result<(), Failure> {
        let target =
            self.texts.iter().find_map(|text| Some(text.split("http://").nth(1)?.split('/').next()?.to_owned()));
        let target = target.ok_or_else(|| Failure::check("a text names the listener", "none"))?;
        let all = ways(page).await?;
        let mut tried = 0;
        for few in all.ways.chunks(30) {
            tried += attempt(page, &target, few).await?.len();
        }
        for one in &all.leaving {
            attempt(page, &target, std::slice::from_ref(one)).await?;
            sleep(Duration::from_millis(200)).await;
            tried += 1;
        }
        sleep(SETTLE).await;
        let (sockets, outside) = sockets::beyond_loopback(&sockets::family(self.pid.unwrap_or(0)));
        self.sockets = self.sockets.max(sockets);
        self.outside.extend(outside);
        self.checks.rule("60 ways out and more were tried", tried >= 60, format!("{tried} were"));
        println!("        {tried} ways out were tried");
        let here = page.script("return [location.href, window.__pwned === undefined]", vec![]).await?;
        let is_home = here[0].as_str().is_some_and(|at| !at.contains(&target)) && here[1] == true;
        self.checks.rule("the page is still the app's own", is_home, &here);
        self.commands(page, stage).await
    }

    /// Doors that other apps of this kind have, and this one has not.
    async fn commands(&mut self, page: &Page, stage: &Stage) -> Result<(), Failure> {
        let script = "const done = arguments[arguments.length - 1]; const [library] = arguments; \
            const invoke = (command, args) => window.__TAURI_INTERNALS__.invoke(command, args ?? {}); \
            const doors = { \
              'asset:': () => fetch(`asset://localhost/${encodeURIComponent(library)}`), \
              'file:': () => fetch(`file://${library}`), \
              'tauri:': () => fetch('tauri://localhost/../../etc/passwd').then((r) => r.ok && r.text()) \
                 .then((text) => { if (!String(text).includes('root:')) throw new Error('not the file'); }), \
              'fs': () => invoke('plugin:fs|read_text_file', { path: library }), \
              'shell': () => invoke('plugin:shell|execute', { program: 'id', args: [] }), \
              'shell open': () => invoke('plugin:shell|open', { path: 'https://example.com' }), \
              'opener': () => invoke('plugin:opener|open_url', { url: 'https://example.com' }), \
              'http': () => invoke('plugin:http|fetch', { clientConfig: { url: 'https://example.com' } }), \
              'a window': () => invoke('plugin:webview|create_webview_window', { options: { label: 'x', url: 'https://example.com' } }), \
              'the path': () => invoke('plugin:path|resolve_directory', { directory: 1 }), \
              'a menu': () => invoke('plugin:menu|new', { kind: 'Menu', options: {} }), \
              'a dialog': () => invoke('plugin:dialog|save', { options: {} }), \
              'process': () => invoke('plugin:process|exit', { code: 0 }), \
              'unknown': () => invoke('no_such_command'), \
            }; \
            const said = {}; \
            Promise.all(Object.entries(doors).map(([name, open]) => Promise.race([open(), \
              new Promise((_, refuse) => setTimeout(() => refuse(new Error('no answer')), 4000))]) \
              .then(() => { said[name] = 'opened'; }, (error) => { said[name] = `refused: ${error}`; }))) \
              .then(() => done(said));";
        let library = stage.profile().join("library.db");
        let said = page.script_async(script, vec![json!(library)]).await?;
        let said: BTreeMap<String, String> =
            serde_json::from_value(said).map_err(|e| Failure::answer("the doors", e))?;
        let open: Vec<_> = said.iter().filter(|(_, said)| !said.starts_with("refused")).collect();
        let rule = "files, programs, addresses and windows are refused to the page";
        self.checks.rule(rule, said.len() == 14 && open.is_empty(), format!("{open:?}"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrived_is_told_by_the_way_that_it_came() {
        let arrived = ["GET /way/fetch HTTP/1.1", "POST /way/form?q=secret HTTP/1.1", "a connection", "GET / HTTP/1.1"];
        let names = names_of(&arrived.map(str::to_owned));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["fetch", "form", "preconnect"]);
    }
}
