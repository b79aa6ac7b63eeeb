//! The lines of a scene about claimed changes and unanswered changes.

use membership::change::{Change, Proposal};
use membership::ids::{InstanceId, MemberId, RequestId};
use membership::ledger::{Claim, CleanRound, UnansweredChange};

use super::{Building, Line, address, ids, seconds};

impl Building {
    fn change(&self, kind: &str, instance: &str) -> Change {
        let id = InstanceId::from(instance);
        let member = || {
            let recorded = self.ledger.as_ref().and_then(|l| l.member_of(&id));
            recorded.unwrap_or_else(|| panic!("{instance} has no member in this scene"))
        };
        let instance = id.clone();
        match kind {
            "add" => Change::AddLearner {
                peer_url: format!("http://{}:2380", address(instance.as_str())),
                instance,
            },
            "promote" => Change::Promote { member: member(), instance },
            "remove" | "remove-learner" => {
                Change::Remove { member: member(), instance: Some(instance), voter: kind == "remove" }
            }
            "seal" => Change::Seal { instance },
            "repair" => Change::RepairEnv { instance },
            "abandon" => Change::AbandonLaunch { instance },
            "retain" => Change::RetainLeaving { instance },
            "unhealthy" => Change::SetUnhealthy { instance },
            other => panic!("{other:?} is no change"),
        }
    }

    pub(super) fn claim_line(&mut self, line: &Line<'_>) {
        line.allow(&["by", "nonce", "expires", "generation", "asked", "voters"]);
        let change = self.change(line.words[1], line.words[2]);
        let claim = Claim {
            nonce: line.get("nonce").unwrap_or("n2").into(),
            request: RequestId::from(line.get("by").unwrap_or("r2")),
            generation: line.number("generation").unwrap_or(1) as u32,
            proposal: Proposal { change, asked: line.number("asked").map(MemberId) },
            voters: ids(line.get("voters").unwrap_or("1,2,3")),
            expires: seconds(line.get("expires").unwrap_or("30")),
        };
        self.ledger().claim = Some(claim);
    }

    pub(super) fn unanswered_line(&mut self, line: &Line<'_>) {
        line.allow(&["asked", "voters", "deadline", "clean"]);
        let unanswered = UnansweredChange {
            change: self.change(line.words[1], line.words[2]),
            asked: line.number("asked").map(MemberId),
            voters: ids(line.get("voters").unwrap_or("1,2,3")),
            deadline: seconds(line.get("deadline").unwrap_or("-10")),
            clean: line.get("clean").map(clean_round),
        };
        self.ledger().unanswered.push(unanswered);
    }
}

/// `-5`: the round was 5 s ago, under member 1 in term 5. `-5/2/4`: under member 2 in term 4.
fn clean_round(text: &str) -> CleanRound {
    let mut parts = text.split('/');
    let at = seconds(parts.next().expect("split gives one part"));
    let mut number = |otherwise| parts.next().map_or(otherwise, |n| n.parse().expect("a number"));
    CleanRound { at, leader: MemberId(number(1)), term: number(5) }
}
