"use strict";
(() => {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const at = (id) => document.getElementById(id);
  const unpack = (text, per) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const values = new Float64Array(bytes.length / 2);
    for (let i = 0; i < values.length; i++) values[i] = view.getInt16(2 * i, true) / per;
    return values;
  };
  const bases = Object.fromEntries(Object.entries(data.bases).map(([k, v]) => [k, unpack(v, data.perUnit)]));
  const harm = unpack(data.harm, data.harmPerUnit);
  const minutes = unpack(data.minutes, data.perUnit);
  const n = data.draws, T = data.keys.length, O = data.outcomes.length, B = data.bins.length, S = data.stages.length;
  const none = data.keys.indexOf("none");

  // ---- numbers in print: no more digits than the Monte-Carlo error supports
  const digitsFor = (error, most) => error > 0 ? Math.min(most, -Math.floor(Math.log10(error))) : most;
  const print = (value, digits, sign) => {
    const rounded = digits < 0 ? Math.round(value / 10 ** -digits) * 10 ** -digits : value;
    let text = rounded.toFixed(Math.max(digits, 0));
    if (Number(text) === 0) return text.replace("-", "");
    if (sign && value > 0) text = "+" + text;
    return text.replace("-", "−");
  };
  const percent = (p) => {
    const least = Math.max(0.01, 1 / n);
    if (p < least / 2) return `< ${(100 * least).toFixed(0)} %`;
    if (p > 1 - least / 2) return `> ${(100 - 100 * least).toFixed(0)} %`;
    const tens = Math.sqrt(p * (1 - p) / n) >= 0.1;
    return `${tens ? 10 * Math.round(10 * p) : Math.round(100 * p)} %`;
  };
  const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
  const sd = (x) => { const m = mean(x); return Math.sqrt(x.reduce((a, b) => a + (b - m) ** 2, 0) / (x.length - 1)); };
  const quantile = (sorted, q) => {
    const place = q * (sorted.length - 1), low = Math.floor(place), high = Math.ceil(place);
    return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
  };
  const END = 2.1;
  const summary = (x) => {
    const sorted = Float64Array.from(x).sort();
    return { mean: mean(x), error: sd(x) / Math.sqrt(n), q: [0.05, 0.25, 0.5, 0.75, 0.95].map((p) => quantile(sorted, p)) };
  };

  // ---- a night that ends earlier: the mean change of each outcome
  const spent = (t, s, until) => {
    const row = (t * S + s) * B;
    let before = 0, from = 0;
    for (let b = 0; b < B; b++) {
      if (until <= data.bins[b]) {
        return before + (minutes[row + b] - before) * (until - from) / (data.bins[b] - from);
      }
      before = minutes[row + b]; from = data.bins[b];
    }
    return before;
  };
  const cut = (t, until) => {
    const get = (to) => {
      const m = Object.fromEntries(data.stages.map((s, k) => [s, spent(t, k, to)]));
      const asleep = m.N1 + m.N2 + m.N3 + m.R;
      return { SOL: 0, WASO: m.W, TST: asleep, SE: 100 * asleep / (asleep + m.W), REM: m.R, N3: m.N3 };
    };
    const whole = get(data.bins[B - 1]), part = get(until);
    return data.outcomes.map((o) => part[o] - whole[o]);
  };

  // ---- the state of the controls
  const doses = JSON.parse(at("explorer-doses").textContent);
  const field = (name) => at("weight-" + name);
  const read = () => ({
    basis: (document.querySelector('input[name="basis"]:checked') || { value: data.basis }).value,
    chosen: data.keys.indexOf(at("dose").value),
    adherence: Number(at("adherence").value) / 100,
    everyone: at("everyone").checked,
    inBed: Number(at("in-bed").value),
    weights: Object.fromEntries(Object.keys(data.weights).map((k) => [k, Number(field(k).value) || 0])),
    mcid: Number(at("mcid").value) || 0,
  });

  const scenario = (state) => {
    const values = bases[state.basis];
    const shorter = state.basis === "person" && state.inBed < Math.round(data.inBed);
    const still = shorter ? cut(none, state.inBed) : new Array(O).fill(0);
    const change = [], utility = [];
    for (let t = 0; t < T; t++) {
      const used = t === none ? 0 : t === state.chosen || state.everyone ? state.adherence : 1;
      const moved = shorter ? cut(t, state.inBed) : still;
      const rows = [], u = new Float64Array(n);
      for (let o = 0; o < O; o++) {
        const shift = used * moved[o] + (1 - used) * still[o];
        const row = new Float64Array(n), a = (t * O + o) * n, b = (none * O + o) * n;
        for (let d = 0; d < n; d++) row[d] = used * (values[a + d] - values[b + d]) + shift;
        rows.push(row);
        const weight = state.weights[data.outcomes[o]] || 0;
        if (weight) for (let d = 0; d < n; d++) u[d] += weight * row[d];
      }
      const cost = (state.weights.burden || 0) * used * data.burden[t];
      for (let d = 0; d < n; d++) u[d] += cost + (state.weights.harm || 0) * used * harm[t * n + d];
      change.push(rows); utility.push(u);
    }
    return { change, utility, values };
  };

  const ranking = (utility, mcid) => {
    const rows = data.keys.map((key, t) => ({ t, key, label: data.labels[t], candidate: data.candidate[t], ...summary(utility[t]), best: 0, tie: 0 }));
    const candidates = rows.filter((row) => row.candidate);
    for (let d = 0; d < n; d++) {
      let top = -Infinity, first = [];
      for (const row of candidates) {
        const u = utility[row.t][d];
        if (u > top) { top = u; first = [row]; } else if (u === top) first.push(row);
      }
      for (const row of first) row.best += 1 / first.length / n;
    }
    const best = candidates.reduce((a, b) => (b.mean > a.mean ? b : a), candidates[0]);
    for (const row of candidates) {
      let close = 0;
      for (let d = 0; d < n; d++) close += utility[row.t][d] > utility[best.t][d] - mcid ? 1 : 0;
      row.tie = close / n;
    }
    return { rows, best };
  };

  // ---- on the page
  const cell = (row, text, className, tag) => {
    const made = document.createElement(tag || "td");
    if (className) made.className = className;
    if (tag === "th") made.scope = "row";
    made.textContent = text;
    row.append(made);
    return made;
  };
  const strip = (parent, q, low, high, className) => {
    const place = (v) => Math.max(0, Math.min(100, 100 * (v - low) / (high - low || 1)));
    const box = document.createElement("span");
    box.className = "strip " + className;
    box.setAttribute("aria-hidden", "true");
    for (const [name, a, b] of [["wide", q[0], q[4]], ["narrow", q[1], q[3]], ["middle", q[2], q[2]]]) {
      const part = document.createElement("i");
      part.className = name;
      part.style.left = place(a) + "%";
      part.style.width = `max(2px, ${place(b) - place(a)}%)`;
      box.append(part);
    }
    if (low < 0 && high > 0) {
      const zero = document.createElement("i");
      zero.className = "zero"; zero.style.left = place(0) + "%";
      box.append(zero);
    }
    parent.append(box);
  };
  const range = (s, most, sign) => {
    const digits = digitsFor(END * s.error, most);
    return `${print(s.q[0], digits, sign)} to ${print(s.q[4], digits, sign)}`;
  };

  const showOutcomes = (state, found) => {
    const body = at("explorer-outcomes");
    body.textContent = "";
    for (let o = 0; o < O; o++) {
      const b = (none * O + o) * n, before = found.values.subarray(b, b + n), change = found.change[state.chosen][o];
      const after = before.map((v, d) => v + change[d]);
      const most = data.units[o] === "min" ? 0 : 1;
      const [s0, s1, s2] = [summary(before), summary(after), summary(change)];
      const row = document.createElement("tr");
      row.dataset.outcome = data.outcomes[o];
      cell(row, `${data.outcomes[o]}, ${data.units[o]}`, "", "th");
      cell(row, print(s0.mean, digitsFor(s0.error, most), false), "before");
      cell(row, print(s1.mean, digitsFor(s1.error, most), false), "after");
      cell(row, print(s2.mean, digitsFor(s2.error, most), true), "change");
      cell(row, range(s2, most, true), "figures");
      const fan = cell(row, "", "left fan");
      const low = Math.min(s0.q[0], s1.q[0]), high = Math.max(s0.q[4], s1.q[4]);
      strip(fan, s0.q, low, high, "reference");
      strip(fan, s1.q, low, high, "treated");
      body.append(row);
    }
  };

  const showRanking = (state, found) => {
    const { rows, best } = ranking(found.utility, state.mcid);
    const shown = rows.filter((row) => row.candidate || row.t === state.chosen)
      .sort((a, b) => b.candidate - a.candidate || b.mean - a.mean);
    const low = Math.min(0, ...shown.map((r) => r.q[0])), high = Math.max(0, ...shown.map((r) => r.q[4]));
    const body = at("explorer-ranking");
    body.textContent = "";
    for (const r of shown) {
      const row = document.createElement("tr");
      row.dataset.key = r.key;
      if (r.t === state.chosen) row.className = "chosen";
      const name = cell(row, r.label, "", "th");
      const tag = (text, kind) => {
        const made = document.createElement("span");
        made.className = "tag " + kind; made.textContent = text;
        name.append(" ", made);
      };
      if (r.t === state.chosen) tag("your choice", "");
      if (data.ranked && r === best) tag("highest", "pass");
      else if (data.ranked && r.candidate && data.nearTie !== null && r.tie > data.nearTie) tag("near tie", "tie");
      if (!r.candidate) tag("not a candidate", "absent");
      const exact = r.error === 0 && r.mean === 0;
      cell(row, exact ? "0" : print(r.mean, digitsFor(r.error, 1), true), "utility");
      cell(row, exact ? "–" : range(r, 1, true), "figures");
      cell(row, data.ranked && r.candidate ? percent(r.best) : "–", "best");
      strip(cell(row, "", "left fan"), r.q, low, high, r.t === state.chosen ? "treated" : "reference");
      body.append(row);
    }
    return { rows, best };
  };

  const say = (state, found, order) => {
    const label = data.labels[state.chosen], k = data.outcomes.indexOf("TST");
    const gained = summary(found.change[state.chosen][k]), own = order.rows[state.chosen];
    let text = `${label}`;
    if (state.adherence < 1) text += ` on ${Math.round(100 * state.adherence)} % of nights`;
    if (state.basis === "person" && state.inBed < Math.round(data.inBed)) text += `, ${state.inBed} min in bed`;
    text += `: ${print(gained.mean, digitsFor(gained.error, 0), true)} min of sleep (90 % interval ${range(gained, 0, true)}), `;
    text += `expected utility ${print(own.mean, digitsFor(own.error, 1), true)}.`;
    if (data.ranked) text += ` Highest expected utility in this scenario: ${order.best.label}.`;
    else text += " Nothing is ranked for this person.";
    at("explorer-summary").textContent = text;
  };

  const show = () => {
    const state = read();
    at("adherence-value").textContent = `${Math.round(100 * state.adherence)} %`;
    at("in-bed-value").textContent = state.inBed < Math.round(data.inBed) ? `${state.inBed} min` : `${Math.round(data.inBed)} min, as simulated`;
    at("in-bed").disabled = state.basis !== "person";
    const found = scenario(state);
    showOutcomes(state, found);
    say(state, found, showRanking(state, found));
  };

  const fillDoses = () => {
    const menu = at("dose");
    menu.textContent = "";
    for (const [key, words] of doses[at("treatment").value]) menu.append(new Option(words, key));
    menu.disabled = menu.options.length < 2;
  };

  const reset = () => {
    at("explorer-form").reset();
    for (const [k, v] of Object.entries(data.weights)) field(k).value = String(Number(v.toPrecision(4)));
    for (const input of document.querySelectorAll('input[name="basis"]')) input.checked = input.value === data.basis;
    fillDoses();
    show();
  };

  at("explorer-form").addEventListener("input", (event) => {
    if (event.target.id === "treatment") fillDoses();
    show();
  });
  at("explorer-form").addEventListener("submit", (event) => event.preventDefault());
  at("explorer-reset").addEventListener("click", reset);
  at("explorer-live").hidden = false;
  reset();
})();
