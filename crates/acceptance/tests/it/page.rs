//! The product page's samples, to the byte. The blank lines between the rows there are typography, and so is the width
//! of the header of its first list; every cell is padded to the width of its column and 8 blanks (contract 4.4).

use crate::harness::{ADMIN, DEADLINE, Shape, Stack, eventually, holds, lines_of, page_events};

on_every_stack!(the_pages_samples_look_as_on_the_page);

const MOST_RECENT: [&str; 4] = [
    "Timestamp                          Level        Service              Host                          Event                     ID                                      ",
    "2018-06-28T22:36:37.250529Z        INFO         policy_engine        dockerhostid-localhost        feed_sync_complete        9b0078d22cca4a2fa677cdc0d632435a        ",
    "2018-06-28T22:36:26.512589Z        ERROR        catalog              dockerhostid-localhost        list_tags_fail            67946415c113488b8fff8b335272a45b        ",
    "2018-06-28T22:36:08.740953Z        INFO         policy_engine        dockerhostid-localhost        feed_sync_start           3b75967268824f4ca12c57d76c97d32c        ",
];

const OF_LEVEL_ERROR: [&str; 2] = [
    "Timestamp                          Level        Service        Host                          Event                 ID                                      ",
    "2018-06-28T22:36:26.512589Z        ERROR        catalog        dockerhostid-localhost        list_tags_fail        67946415c113488b8fff8b335272a45b        ",
];

const OF_A_TAG: [&str; 2] = [
    "Timestamp                          Level        Service        Host                          Event                 ID                                      ",
    "2018-06-30T03:56:27.711071Z        ERROR        catalog        dockerhostid-localhost        list_tags_fail        d77736ac78a043a9b84b3a1b8171aa44        ",
];

/// Old clients end it with a blank line (contract 4.5).
const GET: &str = r#"details:
  SkopeoError:
    cmd: /bin/sh -c skopeo inspect --tls-verify=true --creds "${SKOPUSER}":"${SKOPPASS}"
      docker://index.docker.io/wazowskis/sixwheeldrive:latest
    exitcode: 1
    msg: Error encountered in skopeo operation
    stderr: 'time="2018-06-30T03:56:27Z" level=fatal msg="Error reading manifest latest
      in docker.io/wazowskis/sixwheeldrive: errors: denied: requested access to the
      resource is denied unauthorized: authentication required "'
    stdout: null
level: ERROR
message: Failed to list tags in repository
resource:
  id: docker.io/wazowskis/sixwheeldrive
  type: repository
  user_id: admin
source:
  base_url: http://localhost:8082
  hostid: dockerhostid-localhost
  servicename: catalog
timestamp: '2018-06-30T03:56:27.711071Z'
type: list_tags_fail

"#;

fn the_pages_samples_look_as_on_the_page(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    assert_eq!(admin.run(&["event", "list"]).ok(), "\n", "no event is one empty line");
    let [start, fail, complete, of_a_tag] = page_events();
    admin.store(&[start, fail, complete]);
    assert_eq!(admin.run(&["event", "list"]).ok(), lines_of(MOST_RECENT));
    assert_eq!(admin.run(&["event", "list", "--level", "ERROR"]).ok(), lines_of(OF_LEVEL_ERROR));
    admin.store(&[of_a_tag]);
    assert_eq!(admin.run(&["event", "list", "docker.io/wazowskis/sixwheeldrive"]).ok(), lines_of(OF_A_TAG));
    assert_eq!(admin.run(&["event", "get", "d77736ac78a043a9b84b3a1b8171aa44"]).ok(), GET);

    let before = ["event", "delete", "--before", "2018-06-30T03:56:27.711071Z"];
    assert_eq!(admin.run(&before).ok(), "Deleted 3 events\n");
    assert_eq!(admin.run(&before).ok(), "No matching events found\n");
    assert_eq!(admin.run(&["event", "delete", "d77736ac78a043a9b84b3a1b8171aa44"]).ok(), "");
    eventually(DEADLINE, || {
        let listed = admin.run(&["event", "list"]).ok();
        holds(listed == "\n", || listed)
    });
}
