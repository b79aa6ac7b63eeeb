//! Scripts: invocations on one ledger, step by step.
//!
//! ```text
//! i-1 InService voter=1 leader      a line of a scene: it holds until a later line for the same object replaces it
//! > drop i-4                        the line for `i-4` no longer holds
//! > new a request=r1 deadline=60    invocation `a` begins; Lambda ends it 60 s after the scene's time
//! > a look                          it observes the world and the ledger, and decides
//! > a writes                        its write reaches the ledger, unless another write was first
//! > a writes unheard                its write reaches the ledger, and the answer is lost
//! > a writes lost                   its write never reaches the ledger, and there is no answer
//! > a answer done                   how its call ended; one of:
//!   done | added 4 | refused WHY | refused-again WHY | unanswered WHY     unanswered: the request lives 2 s more
//!   refused-for-good WHY           an operator has to change something before it can succeed
//! > a performs done                how the calls that need no claim ended: done | gone | refused WHY
//! > +5                              five seconds pass
//! ```
//!
//! The first look takes the ledger of the scene. From then on the ledger is what the invocations wrote.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use membership::guard::Guards;
use membership::ids::{MemberId, Nonce, RequestId, Timestamp};
use membership::invocation::{Answer, Invocation, Next, Performed, Retry, Written};
use membership::ledger::Ledger;
use membership::observation::{Observation, Seen};

use super::render::effect;
use super::scene::{NOW, Scene};

struct Actor {
    invocation: Invocation,
    seen: Option<Observation>,
    next: Next,
}

/// A script being run.
pub struct Script {
    guards: Guards,
    world: Vec<String>,
    now: Timestamp,
    ledger: Option<Option<Ledger>>,
    actors: BTreeMap<String, Actor>,
    nonces: u32,
    out: String,
}

/// Runs a script, and returns the outcome of every step.
pub fn run(text: &str, guards: Guards) -> String {
    let (actors, out) = (BTreeMap::new(), String::new());
    let mut script = Script { guards, world: Vec::new(), now: NOW, ledger: None, actors, nonces: 0, out };
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        match line.strip_prefix("> ") {
            Some(step) => script.step(step),
            None => script.set(line),
        }
    }
    script.out
}

fn key(line: &str) -> String {
    let two = line.starts_with("condition ") || line.starts_with("member ") || line.starts_with("list ");
    line.split_whitespace().take(if two { 2 } else { 1 }).collect::<Vec<_>>().join(" ")
}

impl Script {
    fn set(&mut self, line: &str) {
        match self.world.iter_mut().find(|l| key(l) == key(line)) {
            Some(old) => *old = line.to_owned(),
            None => self.world.push(line.to_owned()),
        }
    }

    fn say(&mut self, text: &str) {
        writeln!(self.out, "{text}").unwrap();
    }

    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            ["new", name, request, deadline] => self.begin(name, request, deadline),
            ["drop", what @ ..] => self.world.retain(|l| key(l) != what.join(" ")),
            [time] if time.starts_with('+') => {
                self.now = self.now.plus(Duration::from_secs(time[1..].parse().unwrap()));
            }
            [name, "look"] => self.look(name),
            [name, "writes", how @ ..] => self.writes(name, how.first().copied()),
            [name, "performs", came_to @ ..] => self.performs(name, came_to),
            [name, "answer", answer @ ..] => self.answer(name, answer),
            _ => panic!("{step:?} is no step of a script"),
        }
    }

    fn begin(&mut self, name: &str, request: &str, deadline: &str) {
        let request = request.strip_prefix("request=").expect("request=");
        let deadline = deadline.strip_prefix("deadline=").expect("deadline=").parse().unwrap();
        let kill = NOW.plus(Duration::from_secs(deadline));
        let invocation = Invocation::with_guards(RequestId::from(request), kill, self.guards);
        self.actors.insert(name.to_owned(), Actor { invocation, seen: None, next: Next::Look });
    }

    fn nonce(&mut self) -> Nonce {
        self.nonces += 1;
        Nonce(format!("n{}", self.nonces))
    }

    fn observe(&mut self) -> Observation {
        let mut obs = Scene::parse(&self.world.join("\n")).obs;
        let Seen::Known(ledger) = obs.ledger.clone() else { return obs };
        obs.ledger = Seen::Known(self.ledger.get_or_insert(ledger).clone());
        obs
    }

    fn look(&mut self, name: &str) {
        let (obs, nonce, now) = (self.observe(), self.nonce(), self.now);
        let actor = self.actors.get_mut(name).expect("an invocation of this name");
        let (decision, next) = actor.invocation.look(&obs, now, nonce);
        actor.seen = Some(obs);
        let proposal = decision.proposal.map_or("nothing".to_owned(), |p| p.change.to_string());
        self.say(&format!("{name} looks: proposes {proposal}"));
        self.then(name, next);
    }

    fn writes(&mut self, name: &str, how: Option<&str>) {
        let Next::Write(ledger) = self.actors[name].next.clone() else {
            self.say(&format!("{name} has nothing to write"));
            return;
        };
        let stands = self.ledger.clone().flatten().map_or(0, |l| l.revision);
        let won = how != Some("lost") && ledger.revision == stands + 1;
        let written = if won && how.is_none() { Written::Yes } else { Written::Unclear };
        self.say(&format!("{name} writes: {}", if won { "it stands" } else { "it does not stand" }));
        if won {
            self.tell(&ledger);
            self.ledger = Some(Some(*ledger));
        }
        let now = self.now;
        let actor = self.actors.get_mut(name).unwrap();
        let obs = actor.seen.clone().expect("a look before a write");
        let next = actor.invocation.wrote(written, &obs, now);
        self.then(name, next);
    }

    /// All calls of the last step came to this.
    fn performs(&mut self, name: &str, words: &[&str]) {
        let actor = self.actors.get_mut(name).unwrap();
        let Next::Perform(effects) = actor.next.clone() else {
            return self.say(&format!("{name} has nothing to perform"));
        };
        let came_to = match words[0] {
            "done" => Performed::Done,
            "gone" => Performed::Gone,
            "refused" => Performed::Refused(words[1..].join(" ")),
            other => panic!("{other:?} is nothing that a call comes to"),
        };
        for effect in &effects {
            actor.invocation.performed(effect, came_to.clone(), self.now);
        }
        self.say(&format!("{name} performs: {}", words.join(" ")));
    }

    fn answer(&mut self, name: &str, words: &[&str]) {
        let why = || words[1..].join(" ");
        let answer = match words[0] {
            "done" => Answer::Done,
            "added" => {
                let lists = Scene::parse(&self.world.join("\n")).obs.etcd.lists;
                let list = lists.values().find_map(Seen::known).expect("a list in this world").clone();
                Answer::Added(MemberId(words[1].parse().unwrap()), list)
            }
            "refused" => Answer::Refused { why: why(), retry: Retry::Pointless },
            "refused-for-good" => Answer::Refused { why: why(), retry: Retry::OnceMended },
            "refused-again" => Answer::Refused { why: why(), retry: Retry::Soon },
            "unanswered" => {
                Answer::Unanswered { why: why(), deadline: self.now.plus(Duration::from_secs(2)) }
            }
            other => panic!("{other:?} is no answer of a script"),
        };
        let (nonce, now) = (self.nonce(), self.now);
        let actor = self.actors.get_mut(name).unwrap();
        let obs = actor.seen.clone().expect("a look before an answer");
        let next = actor.invocation.answered(answer, &obs, now, nonce);
        self.say(&format!("{name} is answered: {}", words.join(" ")));
        self.then(name, next);
    }

    fn then(&mut self, name: &str, next: Next) {
        let text = match &next {
            Next::Write(_) => "write".to_owned(),
            Next::Perform(effects) => effects.iter().map(effect).collect::<Vec<_>>().join("; "),
            Next::Ask(e) => format!("ask, under the claim: {}", effect(e)),
            Next::Look => "look".to_owned(),
            Next::Rest => "rest".to_owned(),
        };
        self.say(&format!("  then: {text}"));
        self.actors.get_mut(name).unwrap().next = next;
    }

    /// Tells what differs between the old ledger and the new ledger.
    fn tell(&mut self, new: &Ledger) {
        let old = self.ledger.clone().flatten();
        let ago = |t: Timestamp| i128::from(t.0) / 1000 - i128::from(NOW.0) / 1000;
        let before = |read: fn(&Ledger) -> String| old.as_ref().map(read);
        let claim = |l: &Ledger| match &l.claim {
            Some(c) => format!("{} by {} {}", c.proposal.change, c.request, c.nonce.as_str()),
            None => "none".to_owned(),
        };
        let unanswered = |l: &Ledger| match l.unanswered.as_slice() {
            [] => "none".to_owned(),
            all => all.iter().map(|m| m.change.to_string()).collect::<Vec<_>>().join("; "),
        };
        if before(claim) != Some(claim(new)) {
            let until = new.claim.as_ref().map(|c| format!(" until +{}", ago(c.expires))).unwrap_or_default();
            self.say(&format!("  claim: {}{until}", claim(new)));
        }
        if before(unanswered) != Some(unanswered(new)) {
            self.say(&format!("  unanswered: {}", unanswered(new)));
        }
        for (id, recorded) in &new.instances {
            if old.as_ref().and_then(|l| l.instances.get(id)) != Some(recorded) {
                let member = recorded.member.map_or("no member".to_owned(), |m| format!("member {m}"));
                let voted = if recorded.voted { ", voted" } else { "" };
                self.say(&format!("  {id}: {member}, {:?}{voted}", recorded.env).to_lowercase());
            }
        }
        let known = old.map_or(0, |l| l.history.len());
        for outcome in new.history.iter().skip(known) {
            self.say(&format!("  history: {}", outcome.text));
        }
    }
}
