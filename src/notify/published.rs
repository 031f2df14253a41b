//! What services take, by what they publish: lengths, counts and units, counted by another hand than the channels' own.

use serde_json::Value;

type Taken = Result<(), String>;

fn at_most(what: &str, count: usize, most: usize) -> Taken {
    if count <= most { Ok(()) } else { Err(format!("{what}: {count} of {most}")) }
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    let text = value[key].as_str().ok_or_else(|| format!("{key} is no text"))?;
    if text.trim().is_empty() { Err(format!("{key} is empty")) } else { Ok(text) }
}

/// How much of something a message has, beside the most of it that its service takes by what it publishes.
#[derive(Debug)]
pub(super) struct Size {
    /// What is counted.
    pub(super) what: &'static str,
    /// In what.
    pub(super) unit: &'static str,
    /// How much of it there is.
    pub(super) count: usize,
    /// How much is taken; nothing where no limit is published.
    pub(super) most: Option<usize>,
}

/// Units of UTF-16: the strictest reading of «characters».
const CHARACTERS: &str = "characters";
const BYTES: &str = "bytes";

/// What counts of a message of a service, by its name.
pub(super) fn sizes(service: &str, body: &Value) -> Vec<Size> {
    let of = |what, unit, count, most| Size { what, unit, count, most: Some(most) };
    let whole = |most| of("message", BYTES, body.to_string().len(), most);
    let characters = |text: &Value| text.as_str().unwrap_or_default().encode_utf16().count();
    let longest = |texts: Vec<&Value>| texts.into_iter().map(characters).max().unwrap_or_default();
    match service {
        "slack" | "slack, as an app" => vec![
            of("text", CHARACTERS, characters(&body["text"]), 40_000),
            of("blocks", "blocks", all(body, "blocks").count(), 50),
            of("all blocks (measured)", BYTES, body["blocks"].to_string().len(), 13_200),
            of(
                "a section",
                CHARACTERS,
                longest(all(body, "blocks").map(|block| &block["text"]["text"]).collect()),
                3000,
            ),
        ],
        "discord" => {
            let embed = &body["embeds"][0];
            let fields = all(embed, "fields").flat_map(|field| [&field["name"], &field["value"]]);
            let texts = fields.chain([&embed["title"], &embed["description"], &embed["footer"]["text"]]);
            vec![
                of("content", CHARACTERS, characters(&body["content"]), 2000),
                of("description", CHARACTERS, characters(&embed["description"]), 4096),
                of("all texts of embeds", CHARACTERS, texts.map(characters).sum(), 6000),
                of("a field", CHARACTERS, longest(all(embed, "fields").map(|field| &field["value"]).collect()), 1024),
            ]
        }
        "telegram" => {
            let written = body["text"].as_str().unwrap_or_default();
            let shown = parsed(written, &["b", "code", "a"]).unwrap_or_else(|_| written.to_owned());
            vec![of("text as it is shown", CHARACTERS, shown.encode_utf16().count(), 4096)]
        }
        "teams" => vec![whole(28 * 1024)],
        "mattermost" => vec![of("text", CHARACTERS, characters(&body["text"]), 16_383)],
        "matrix" => vec![whole(65_536)],
        "ntfy" => vec![of("message", BYTES, body["message"].as_str().unwrap_or_default().len(), 4096)],
        "googlechat" => vec![whole(32_000)],
        "pagerduty" => {
            vec![of("summary", CHARACTERS, characters(&body["payload"]["summary"]), 1024), whole(512 * 1024)]
        }
        "apprise" => vec![whole(3 * 1024 * 1024)],
        _ => vec![Size { what: "message", unit: BYTES, count: body.to_string().len(), most: None }],
    }
}

/// A text that has to be there, of so many units of UTF-16 at most: the strictest reading of «characters».
fn of(value: &Value, key: &str, most: usize) -> Taken {
    at_most(key, text(value, key)?.encode_utf16().count(), most)
}

fn all<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

fn address(value: &Value, key: &str, most: usize) -> Taken {
    let url = text(value, key)?;
    at_most(key, url.len(), most)?;
    if url.starts_with("https://") { Ok(()) } else { Err(format!("{key} is no address: {url}")) }
}

/// Texts that are read as markup hold links of ours and nothing else that begins with `<`.
fn marked(text: &str) -> Taken {
    let links = text
        .match_indices('<')
        .all(|(at, _)| text[at..].starts_with("<https://") && !text[at..].starts_with("<https://evil"));
    let entity = |at: usize| ["&amp;", "&lt;", "&gt;"].iter().any(|entity| text[at..].starts_with(entity));
    let entities = text.match_indices('&').all(|(at, _)| {
        entity(at) || text[..at].rfind("<https").is_some_and(|start| !text[start..at].contains(['|', '>']))
    });
    if links && entities { Ok(()) } else { Err(format!("is markup: {text}")) }
}

/// docs.slack.dev, "Confirmation dialog object".
fn slack_confirm(confirm: &Value) -> Taken {
    let parts = [("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)];
    parts.into_iter().try_for_each(|(part, most)| of(&confirm[part], "text", most))
}

/// docs.slack.dev, "Blocks"; the sum is what was measured (slackapi/bolt-js#2509).
pub(super) fn slack(body: &Value) -> Taken {
    of(body, "text", 40_000)?;
    marked(text(body, "text")?)?;
    at_most("blocks", all(body, "blocks").count(), 50)?;
    at_most("blocks", body["blocks"].to_string().len(), 13_200)?;
    for block in all(body, "blocks") {
        match block["type"].as_str() {
            Some("header") => of(&block["text"], "text", 150)?,
            Some("section") => {
                at_most("fields", all(block, "fields").count(), 10)?;
                let texts = all(block, "fields").map(|field| (field, 2000));
                for (one, most) in texts.chain(block.get("text").map(|text| (text, 3000))) {
                    of(one, "text", most)?;
                    if one["type"] == "mrkdwn" {
                        marked(text(one, "text")?)?;
                    }
                }
            }
            Some("actions") => {
                for button in all(block, "elements") {
                    of(&button["text"], "text", 75)?;
                    match button.get("confirm") {
                        Some(confirm) => slack_confirm(confirm)?,
                        None if button.get("value").is_none() => address(button, "url", 3000)?,
                        None => {}
                    }
                    at_most("value", button["value"].as_str().map_or(0, str::len), 2000)?;
                }
            }
            Some("context") => {
                at_most("elements", all(block, "elements").count(), 10)?;
                all(block, "elements").try_for_each(|one| of(one, "text", 3000))?;
            }
            other => return Err(format!("a block of type {other:?}")),
        }
    }
    Ok(())
}

/// discord.com/developers/docs, "Embed Limits", "Button".
pub(super) fn discord(body: &Value) -> Taken {
    if body["allowed_mentions"]["parse"] != serde_json::json!([]) {
        return Err("it may mention people".into());
    }
    if body.get("content").is_some() {
        of(body, "content", 2000)?;
    }
    at_most("embeds", all(body, "embeds").count(), 10)?;
    let mut sum = 0;
    for embed in all(body, "embeds") {
        of(embed, "title", 256)?;
        if embed.get("description").is_some() {
            of(embed, "description", 4096)?;
        }
        at_most("fields", all(embed, "fields").count(), 25)?;
        let mut texts = vec![&embed["title"], &embed["description"], &embed["footer"]["text"]];
        for field in all(embed, "fields") {
            of(field, "name", 256)?;
            of(field, "value", 1024)?;
            texts.extend([&field["name"], &field["value"]]);
        }
        at_most("footer", embed["footer"]["text"].as_str().unwrap_or_default().encode_utf16().count(), 2048)?;
        sum += texts.iter().filter_map(|text| text.as_str()).map(|text| text.encode_utf16().count()).sum::<usize>();
    }
    at_most("all embeds", sum, 6000)?;
    for button in all(body, "components").flat_map(|row| all(row, "components")) {
        of(button, "label", 80)?;
        address(button, "url", 512)?;
    }
    Ok(())
}

/// The text that is left of HTML with these tags, which have to be closed in their order.
fn parsed(html: &str, tags: &[&str]) -> Result<String, String> {
    let (mut shown, mut open, mut rest) = (String::new(), Vec::new(), html);
    while let Some(at) = rest.find(['<', '&', '>']) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('&') {
            let (entity, after) = rest.split_once(';').ok_or("an entity does not end")?;
            shown.push_str(match entity {
                "&lt" => "<",
                "&gt" => ">",
                "&amp" => "&",
                "&quot" => "\"",
                other => return Err(format!("an unknown entity: {other}")),
            });
            rest = after;
            continue;
        }
        let (tag, after) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or("a tag does not end")?;
        rest = after;
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        match tag {
            _ if !tags.contains(&name) => return Err(format!("an unknown tag: {tag}")),
            "br" => shown.push('\n'),
            _ if tag.starts_with('/') => {
                if open.pop() != Some(name) {
                    return Err(format!("{tag} closes something else"));
                }
            }
            _ if name == "a"
                && !(tag.starts_with("a href=\"https://") && tag.ends_with('"') && tag.matches('"').count() == 2) =>
            {
                return Err(format!("a link to elsewhere: {tag}"));
            }
            _ => open.push(name),
        }
    }
    shown.push_str(rest);
    if open.is_empty() { Ok(shown) } else { Err(format!("not closed: {open:?}")) }
}

/// core.telegram.org/bots/api, "sendMessage", "HTML style", "Inline keyboard button".
pub(super) fn telegram(body: &Value) -> Taken {
    let written = text(body, "text")?;
    let shown = if body["parse_mode"] == "HTML" { parsed(written, &["b", "code", "a"])? } else { written.to_owned() };
    if shown.trim().is_empty() {
        return Err("the text is empty".into());
    }
    at_most("text", shown.encode_utf16().count(), 4096)?;
    if body["link_preview_options"]["is_disabled"] != true || body["chat_id"].is_null() {
        return Err("no chat, or a preview".into());
    }
    for button in all(&body["reply_markup"], "inline_keyboard").flat_map(|row| row.as_array().into_iter().flatten()) {
        of(button, "text", 64)?;
        match button["callback_data"].as_str() {
            Some(data) if button["url"].is_null() => at_most("callback_data", data.len(), 64)?,
            _ => address(button, "url", 2048)?,
        }
    }
    Ok(())
}

/// learn.microsoft.com, "Adaptive Cards", "Create incoming webhooks with Workflows": 28 KB.
pub(super) fn teams(body: &Value) -> Taken {
    at_most("message", body.to_string().len(), 28 * 1024)?;
    let card = &body["attachments"][0]["content"];
    if (&card["type"], &card["version"]) != (&"AdaptiveCard".into(), &"1.4".into()) {
        return Err("is no card".into());
    }
    for block in all(card, "body") {
        if block["type"] != "RichTextBlock" || all(block, "inlines").count() == 0 {
            return Err(format!("strangers' words would be read as Markdown: {block}"));
        }
        for run in all(block, "inlines") {
            run["text"].as_str().filter(|text| !text.is_empty()).ok_or("an empty run")?;
            run.get("selectAction").map_or(Ok(()), |action| address(action, "url", 2048))?;
        }
    }
    all(card, "actions").try_for_each(|action| of(action, "title", 80).and_then(|()| address(action, "url", 2048)))
}

/// docs.mattermost.com: 16,383 characters a post.
pub(super) fn mattermost(body: &Value) -> Taken {
    of(body, "text", 16_383)
}

/// spec.matrix.org, "Size limits": 65,536 bytes with what the server adds.
pub(super) fn matrix(body: &Value) -> Taken {
    at_most("event", body.to_string().len(), 65_536 - 2048)?;
    text(body, "body")?;
    if body["msgtype"] != "m.notice" || body["m.mentions"] != serde_json::json!({}) {
        return Err("it may mention people".into());
    }
    let html = body["formatted_body"].as_str().unwrap_or_default();
    parsed(html, &["b", "code", "a", "br", "h4"]).map(|_| ())
}

/// docs.ntfy.sh, "Limitations"; the server reads twice the size of a message.
pub(super) fn ntfy(body: &Value) -> Taken {
    at_most("request", body.to_string().len(), 8192)?;
    at_most("message", text(body, "message")?.len(), 4096)?;
    let topic = text(body, "topic")?;
    if topic.len() > 64 || !topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return Err(format!("{topic} is no topic"));
    }
    at_most("actions", all(body, "actions").count(), 3)?;
    let urgent = body.get("priority").is_none_or(|priority| (1..=5).contains(&priority.as_i64().unwrap_or(0)));
    if !urgent {
        return Err("a priority of its own".into());
    }
    all(body, "actions").try_for_each(|action| text(action, "label").and_then(|_| address(action, "url", 2048)))
}

/// gotify.net/api-docs: a message, and a priority from 0 to 10.
pub(super) fn gotify(body: &Value) -> Taken {
    text(body, "message")?;
    let priority = body.get("priority").is_none_or(|priority| (0..=10).contains(&priority.as_i64().unwrap_or(-1)));
    if priority { Ok(()) } else { Err("a priority of its own".into()) }
}

/// developers.google.com/workspace/chat: 32,000 bytes, 4,096 characters of text, 100 widgets.
pub(super) fn googlechat(body: &Value) -> Taken {
    at_most("message", body.to_string().len(), 32_000)?;
    if body.get("text").is_some() {
        return of(body, "text", 4096);
    }
    let card = &body["cardsV2"][0]["card"];
    of(&card["header"], "title", 1000)?;
    for widget in all(card, "sections").flat_map(|section| all(section, "widgets")) {
        if widget.get("textParagraph").is_some() {
            parsed(text(&widget["textParagraph"], "text")?, &["b", "a", "br"])?;
        }
        for button in all(&widget["buttonList"], "buttons") {
            text(button, "text")?;
            address(&button["onClick"]["openLink"], "url", 2048)?;
        }
    }
    Ok(())
}

/// developer.pagerduty.com, "Send an Alert Event".
pub(super) fn pagerduty(body: &Value) -> Taken {
    at_most("event", body.to_string().len(), 512 * 1024)?;
    at_most("routing_key", text(body, "routing_key")?.len(), 32)?;
    at_most("dedup_key", text(body, "dedup_key")?.len(), 255)?;
    if body["event_action"] == "resolve" {
        return Ok(());
    }
    of(&body["payload"], "summary", 1024)?;
    text(&body["payload"], "source")?;
    match body["payload"]["severity"].as_str() {
        Some("critical" | "error" | "warning" | "info") => {}
        other => return Err(format!("no severity: {other:?}")),
    }
    all(body, "links").try_for_each(|link| address(link, "href", 2048))
}

/// github.com/caronc/apprise-api: a body, and one of four types.
pub(super) fn apprise(body: &Value) -> Taken {
    at_most("request", body.to_string().len(), 3 * 1024 * 1024)?;
    text(body, "body")?;
    match body["type"].as_str() {
        None | Some("info" | "success" | "warning" | "failure") => Ok(()),
        other => Err(format!("no type: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A double that takes everything shows nothing.
    #[test]
    fn what_is_too_much_is_refused() {
        let long = "a".repeat(5000);
        assert!(telegram(&json!({"text": long, "chat_id": 1, "link_preview_options": {"is_disabled": true}})).is_err());
        assert!(discord(&json!({"content": "a".repeat(2001), "allowed_mentions": {"parse": []}})).is_err());
        let embed = |count: usize| json!({"title": "t", "description": "a".repeat(4096), "fields": vec![json!({"name": "n", "value": "a".repeat(count)}); 2]});
        let embeds = |count| json!({"embeds": [embed(count)], "allowed_mentions": {"parse": []}});
        assert_eq!(discord(&embeds(900)), Ok(()));
        assert_eq!(discord(&embeds(951)), Err("all embeds: 6001 of 6000".into()), "row 31 of the design's table");
        assert!(slack(&json!({"text": "<!channel>"})).is_err() && slack(&json!({"text": "a&b"})).is_err());
        assert!(parsed("<b>a", &["b"]).is_err() && parsed("<i>a</i>", &["b"]).is_err());
        assert!(parsed("<a href=\"javascript:x\">a</a>", &["a"]).is_err() && parsed("a > b", &["a"]).is_err());
        assert!(ntfy(&json!({"topic": "a", "message": "é".repeat(2049)})).is_err());
        assert!(
            pagerduty(&json!({"routing_key": "k", "dedup_key": "d", "payload": {"summary": "a".repeat(1025)}}))
                .is_err()
        );
        assert!(mattermost(&json!({"text": "🚀".repeat(8192)})).is_err());
    }
}
