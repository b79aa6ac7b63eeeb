// Polls the region every second and draws the answer; a snapshot is drawn once.

const PERIOD = 1_000;
const PATIENCE = 5_000;

const records = new Records();
const account = new AccountView();
const timeline = new TimelineView((who) => account.narrow(who));

function draw() {
  const { view } = records;
  byId("place").textContent =
    `${view.endpoint} · instances on ${view.network} · seed ${view.seed} · ${view.hostile ? "hostile" : "friendly"}`;
  drawGroups(records);
  timeline.draw(records);
  account.draw(records);
  drawLedgers(records);
  drawParameters(records);
  drawFaults(records);
}

function stand(condition, words) {
  const node = byId("condition");
  if (node.dataset.condition === condition) return;
  node.dataset.condition = condition;
  node.textContent = words;
}

function snapshot(view) {
  records.snapshot = true;
  records.take(view);
  stand("snapshot", "a snapshot");
  byId("clock").textContent = `${clock(records.now)} after the start`;
  document.title = "etcd-asg: a region's timeline";
  draw();
}

async function poll() {
  try {
    const asked = records.last === null ? "" : `?after=${records.last}`;
    const answer = await fetch(`page/state${asked}`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    const view = await answer.json();
    if (records.take(view)) present();
  } catch (error) {
    absent(error);
  }
  setTimeout(poll, PERIOD);
}

function present() {
  stand("live", "live");
  byId("gone").hidden = true;
  byId("clock").textContent = `${clock(records.now)} since the start`;
  draw();
}

function absent(error) {
  stand("gone", "gone");
  const said =
    records.view === null
      ? "it has not answered yet"
      : `this is its last state, ${clock(records.now)} after its start`;
  const words = `The region does not answer any more: ${said}. The page asks again every second. (${error.message})`;
  if (byId("gone").textContent !== words) byId("gone").textContent = words;
  byId("gone").hidden = false;
}

const embedded = byId("data").textContent;
if (embedded) snapshot(JSON.parse(embedded));
else poll();
