//! Channels that can't be opened by their new secrets.

use super::tests::{Disk, others};
use super::{Channel, ChannelConfig, ChannelError, Outbound, Reload, Reloaded, Taken};
use crate::outbound::OutboundError;

/// Where the channel `app` opens, or does not; and all others do.
fn look(disk: &Disk, reload: &mut Reload, app_opens: bool) -> Taken {
    let outbound = Outbound::new(None).unwrap();
    let open = |channel: &ChannelConfig| -> Result<Channel, ChannelError> {
        if channel.name == "app" && !app_opens {
            return Err(OutboundError::Blocked("slack.com".into()).into());
        }
        channel.open(&outbound)
    };
    match disk.again_opening(reload, &open) {
        Reloaded::Taken(taken) => taken,
        other => panic!("{other:?}"),
    }
}

fn names(taken: &Taken) -> Vec<&str> {
    taken.channels.iter().map(Channel::name).collect()
}

#[test]
fn a_channel_that_does_not_open_by_its_new_secret_is_told_and_is_tried_again_at_the_next_change() {
    let disk = others();
    let (_, mut reload) = disk.start();
    disk.write("/slack", "xoxb-1-3");
    disk.write("/url", "https://hooks.example.com/two");
    let first = look(&disk, &mut reload, false);
    assert_eq!((&*first.now, &*first.after_restart), (&["/url".to_owned()][..], &[][..]), "no restart helps");
    assert_eq!(names(&first), ["hook"]);
    let told = first.unopened.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert!(told.starts_with("/slack: channel app can't be opened by it: slack.com has no address"), "{told}");
    // Another file is another, and the channel opens by now.
    disk.write("/forge", "two");
    let second = look(&disk, &mut reload, true);
    assert_eq!((&*second.now, second.unopened.len()), (&["/forge".to_owned(), "/slack".to_owned()][..], 0));
    assert_eq!(names(&second), ["app"]);
    disk.write("/forge", "three");
    assert_eq!(names(&look(&disk, &mut reload, true)), [""; 0], "it is in force");
}

#[test]
fn what_a_channel_was_opened_by_before_is_in_force_and_needs_nothing() {
    let disk = others();
    let (_, mut reload) = disk.start();
    disk.write("/slack", "xoxb-1-3");
    assert_eq!(look(&disk, &mut reload, false).unopened.len(), 1);
    disk.write("/slack", "xoxb-1-2");
    let back = look(&disk, &mut reload, false);
    assert_eq!((back.now.len(), back.channels.len(), back.unopened.len()), (0, 0, 0), "the old one is back");
}
