// The stage: frames with masks over them, the tools that draw on them, and the timeline below.
// The server holds the truth; this shows frame `frame` and tells what was drawn. Tool and brush are
// in the hand of whoever draws: they change here at once, and the server is told afterwards. So it is
// with what is drawn: it is seen at once, until the server's picture of the frame holds it.
const TOOLS = { b: "box", c: "point", p: "paint", e: "erase" };
const CACHE_BYTES = 160e6; // of decoded frames
const MARGIN = 6; // pixels beside the timeline
const INSIDE = 105 / 255; // opacity of a mask, as the server draws it

export default {
  template: `
    <div class="st-root" :class="'st-tool-' + tool">
      <div class="st-panes" ref="panes">
        <div class="st-pane" v-for="side in sides" :key="side">
          <div class="st-fit" :ref="'fit' + side" :style="fitStyle">
            <canvas class="st-layer" :ref="'base' + side"></canvas>
            <canvas class="st-layer" :class="'mask-' + side" :ref="'mask' + side"
              :style="clip(side)"></canvas>
            <canvas v-if="mode === 'slider'" class="st-layer mask-b" ref="maskslide"
              :style="clip('b')"></canvas>
            <canvas v-if="side === 'a'" class="st-layer st-draw" ref="draw"
              @pointerdown="down" @pointermove="move" @pointerup="up" @pointercancel="cancel"
              @pointerleave="leave" @wheel.prevent="wheel" @contextmenu.prevent></canvas>
            <div v-if="mode === 'slider'" class="st-bar" :style="{ left: 100 * split + '%' }"
              role="slider" tabindex="0" :aria-label="texts.slider"
              @pointerdown.stop="slideDown" @pointermove.stop="slideMove"
              @keydown="slideKey"></div>
          </div>
          <div class="st-name" v-if="mode !== 'single'">{{ side === 'a' ? nameA : nameB }}</div>
          <div class="st-name st-name-b" v-if="mode === 'slider'">{{ nameB }}</div>
        </div>
        <div class="st-empty" v-if="!length"></div>
      </div>
      <canvas class="st-time" ref="time" role="slider" tabindex="0" :aria-label="texts.timeline"
        :aria-valuenow="frame" aria-valuemin="0" :aria-valuemax="length - 1"
        @pointerdown="timeDown" @pointermove="timeMove"></canvas>
    </div>`,
  props: { texts: Object, radius: Number, generation: String },
  data: (vm) => ({
    length: 0, size: [16, 9], fps: 24, version: 0, frame: 0, shown: -1,
    viewA: "", viewB: "", nameA: "", nameB: "", mode: "single", tool: "box", brush: vm.radius,
    color: "#ff4c3c", split: 0.5, scale: 1, shift: [0, 0], playing: false, fit: [100, 100],
    boxes: [], clicks: [], cursor: null,
  }),
  computed: {
    sides() { return this.mode === "side" ? ["a", "b"] : ["a"]; },
    fitStyle() {
      const [x, y] = this.shift;
      return {
        width: this.fit[0] + "px", height: this.fit[1] + "px",
        transform: `translate(${x}px, ${y}px) scale(${this.scale})`,
      };
    },
  },
  mounted() {
    this.frames = new Map();
    this.curve = { scores: [], doubts: [], states: "", keys: [] };
    this.pressed = null;
    this.said = []; // strokes, boxes and points that the server has not answered yet
    this.number = this.heard = 0; // of the last thing said, and of the last one answered
    this.loaded = null; // frame and stamps of the pictures that are shown
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.$refs.panes);
    this.observer.observe(this.$refs.time);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.$emit("ready", {});
  },
  unmounted() {
    this.observer.disconnect();
    document.removeEventListener("keydown", this.onKey);
    this.playing = false;
  },
  methods: {
    // --- told by the server ---------------------------------------------------------------
    apply(state) {
      const { at, stamps, heard, boxes, clicks, ...rest } = state;
      const viewed = [this.viewA, this.viewB, this.mode].join();
      Object.assign(this, rest);
      this.$el.dataset.version = this.version;
      this.heard = Math.max(this.heard, heard || 0);
      // What belongs to another frame, or does not know yet what was drawn, is out of date.
      if (at === this.frame && !this.waiting().length) { this.boxes = boxes; this.clicks = clicks; }
      const answered = this.said.some((one) => one.number <= this.heard);
      const same = !answered && at === this.frame && this.loaded?.frame === at
        && viewed === [this.viewA, this.viewB, this.mode].join()
        && this.loaded.stamps.every((stamp, i) => stamp === null || stamp === stamps[i]);
      this.$nextTick(() => {
        this.layout();
        if (same && !this.busy) this.$el.dataset.shown = this.frame + ":" + this.version;
        else this.load();
      });
    },
    waiting() { return this.said.filter((one) => one.number > this.heard && one.frame === this.frame); },
    say(name, told) {
      this.said.push({ ...told, name, number: ++this.number, color: this.color });
      this.$el.dataset.waiting = this.said.length;
      this.$emit(name, { ...told, number: this.number });
    },
    setCurve(curve) { this.curve = curve; this.drawTime(); },
    goto(frame) { this.seek(frame, false); },

    // --- in the hand ----------------------------------------------------------------------
    take(tool) {
      this.tool = tool;
      this.$emit("tool", { name: tool });
      this.drawTools();
    },
    resize(radius) {
      this.brush = Math.max(1, Math.min(300, Math.round(radius)));
      this.$emit("brush", { radius: this.brush });
      this.drawTools();
    },

    // --- frames ---------------------------------------------------------------------------
    seek(frame, told = true) {
      if (!this.length) return;
      const next = Math.max(0, Math.min(this.length - 1, Math.round(frame)));
      if (next === this.frame && this.shown === next) return;
      this.frame = next;
      this.boxes = []; this.clicks = [];
      if (told) this.$emit("frame", { frame: next });
      this.load();
      this.drawTime();
    },
    async load() {
      if (!this.length) return;
      if (this.busy) { this.again = true; return; }
      this.busy = true;
      try {
        do {
          this.again = false;
          const { frame, mode, version, heard } = this;
          const [base, a, b] = await Promise.all([
            this.getFrame(frame), this.getMask(frame, this.viewA),
            mode === "single" ? null : this.getMask(frame, this.viewB),
          ]);
          if (mode === this.mode) this.paintAll(frame, base, a, b, version, heard);
        } while (this.again);
      } finally { this.busy = false; }
    },
    async getFrame(frame) {
      if (this.frames.has(frame)) {
        const found = this.frames.get(frame);
        this.frames.delete(frame); this.frames.set(frame, found);
        return found;
      }
      const made = this.picture(`/frame/${frame}?g=${this.generation}`);
      this.frames.set(frame, made);
      const most = Math.max(3, Math.floor(CACHE_BYTES / (4 * this.size[0] * this.size[1])));
      while (this.frames.size > most) {
        const [old, bitmap] = this.frames.entries().next().value;
        this.frames.delete(old);
        bitmap.then((b) => b && b.close());
      }
      const bitmap = await made;
      if (!bitmap) this.frames.delete(frame);
      return bitmap;
    },
    async getMask(frame, view) {
      if (!view) return null;
      const place = `/overlay/${frame}?view=${encodeURIComponent(view)}&v=${this.version}`;
      let stamp = "";
      const bitmap = await this.picture(place, (answer) => { stamp = answer.headers.get("x-stamp") || ""; });
      return { bitmap, stamp };
    },
    async picture(url, told = null) {
      try {
        const answer = await fetch(url);
        if (told) told(answer);
        return answer.ok ? await createImageBitmap(await answer.blob()) : null;
      } catch (error) { return null; }
    },
    paintAll(frame, base, a, b, version, heard) {
      this.shown = frame;
      this.loaded = { frame, stamps: [a && a.stamp, b && b.stamp] };
      const put = (canvas, bitmap) => {
        if (!canvas) return;
        if (canvas.width !== this.size[0] || canvas.height !== this.size[1]) {
          canvas.width = this.size[0]; canvas.height = this.size[1];
        }
        const context = canvas.getContext("2d", { willReadFrequently: false });
        context.clearRect(0, 0, canvas.width, canvas.height);
        if (bitmap) context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      };
      for (const side of this.sides) {
        put(this.ref("base" + side), base);
        put(this.ref("mask" + side), (side === "a" ? a : b)?.bitmap);
      }
      if (this.mode === "slider") put(this.ref("maskslide"), b?.bitmap);
      for (const one of [a, b]) one?.bitmap?.close();
      this.said = this.said.filter((one) => one.number > heard);
      for (const one of this.said) this.putStroke(one);
      if (!this.pressed) this.drawTools();
      this.$el.dataset.shown = frame + ":" + version;
      this.$el.dataset.waiting = this.said.length;
    },
    putStroke(one) {
      // as the server will draw it, but for the edge
      if (one.name !== "stroke" || one.frame !== this.shown) return;
      const context = this.ref("maska").getContext("2d");
      context.save();
      context.lineJoin = context.lineCap = "round";
      context.lineWidth = 2 * one.radius;
      context.strokeStyle = one.color;
      const draw = () => {
        context.beginPath();
        one.points.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
        if (one.points.length === 1) context.lineTo(one.points[0][0] + 0.01, one.points[0][1]);
        context.stroke();
      };
      context.globalCompositeOperation = "destination-out";
      draw();
      if (!one.erase) {
        context.globalCompositeOperation = "source-over";
        context.globalAlpha = INSIDE;
        draw();
      }
      context.restore();
    },
    ref(name) { const found = this.$refs[name]; return Array.isArray(found) ? found[0] : found; },
    clip(side) {
      if (this.mode !== "slider") return {};
      const at = 100 * this.split + "%";
      return { clipPath: side === "a" ? `inset(0 calc(100% - ${at}) 0 0)` : `inset(0 0 0 ${at})` };
    },
    layout() {
      const panes = this.$refs.panes;
      if (!panes) return;
      const width = panes.clientWidth / this.sides.length - 8, height = panes.clientHeight - 8;
      const by = Math.max(0.01, Math.min(width / this.size[0], height / this.size[1]));
      this.fit = [Math.round(this.size[0] * by), Math.round(this.size[1] * by)];
      const time = this.$refs.time, ratio = window.devicePixelRatio || 1;
      time.width = Math.round(time.clientWidth * ratio);
      time.height = Math.round(time.clientHeight * ratio);
      this.drawTime();
      this.$nextTick(() => this.drawTools());
    },

    // --- playing --------------------------------------------------------------------------
    async play() {
      this.playing = !this.playing;
      this.$emit("playing", { playing: this.playing });
      let due = performance.now();
      while (this.playing) {
        if (this.frame >= this.length - 1) { this.playing = false; break; }
        this.seek(this.frame + 1);
        this.getFrame(Math.min(this.frame + 1, this.length - 1));
        due = Math.max(due + 1000 / this.fps, performance.now() - 100);
        await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())));
        while (this.busy && this.playing) await new Promise((done) => setTimeout(done, 8));
      }
      this.$emit("playing", { playing: false });
    },

    // --- drawing --------------------------------------------------------------------------
    place(event) {
      const rect = this.ref("draw").getBoundingClientRect();
      return [
        ((event.clientX - rect.left) / rect.width) * this.size[0],
        ((event.clientY - rect.top) / rect.height) * this.size[1],
      ];
    },
    down(event) {
      if (event.button === 1) return;
      event.target.setPointerCapture(event.pointerId);
      this.begin(this.place(event), event.button === 2 || event.shiftKey || event.altKey);
    },
    begin(at, other) {
      if (!this.length || this.shown !== this.frame) return;
      this.playing = false;
      if (this.tool === "point") {
        this.clicks = [...this.clicks, [at[0], at[1], !other]];
        this.say("point", { frame: this.frame, x: at[0], y: at[1], inside: !other });
        this.drawTools();
        return;
      }
      this.pressed = { tool: this.tool, frame: this.frame, points: [at] };
      if (other && this.tool === "paint") this.pressed.tool = "erase";
      this.drawTools();
    },
    move(event) {
      this.cursor = this.place(event);
      if (this.pressed) {
        if (this.pressed.tool === "box") this.pressed.points[1] = this.cursor;
        else for (const e of event.getCoalescedEvents ? event.getCoalescedEvents() : [event])
          this.pressed.points.push(this.place(e));
      }
      this.drawTools();
    },
    up() {
      const done = this.pressed;
      this.pressed = null;
      if (!done) return;
      if (done.tool === "box") {
        const [[x1, y1], [x2, y2]] = [done.points[0], done.points[1] || done.points[0]];
        const box = {
          x: Math.min(x1, x2), y: Math.min(y1, y2), w: Math.abs(x2 - x1), h: Math.abs(y2 - y1),
        };
        if (done.frame === this.frame) this.boxes = [[box.x, box.y, box.w, box.h]];
        this.say("box", { frame: done.frame, ...box });
      } else {
        this.say("stroke", {
          frame: done.frame, points: done.points, radius: this.brush,
          erase: done.tool === "erase",
        });
        this.putStroke(this.said[this.said.length - 1]);
      }
      this.drawTools();
    },
    cancel() { this.pressed = null; this.drawTools(); },
    leave() { if (!this.pressed) { this.cursor = null; this.drawTools(); } },
    drawTools() {
      const canvas = this.ref("draw");
      if (!canvas) return;
      const ratio = (window.devicePixelRatio || 1) * Math.min(this.scale, 3);
      const width = Math.round(this.fit[0] * ratio), height = Math.round(this.fit[1] * ratio);
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width; canvas.height = height;
      }
      const context = canvas.getContext("2d"), by = width / this.size[0];
      context.clearRect(0, 0, width, height);
      context.lineJoin = context.lineCap = "round";
      const outline = (path) => {
        for (const [color, line] of [["rgba(0,0,0,.65)", 4 * ratio], [this.color, 2 * ratio]]) {
          context.strokeStyle = color; context.lineWidth = line; path(); context.stroke();
        }
      };
      for (const [x, y, w, h] of this.boxes) outline(() => {
        context.beginPath(); context.rect(x * by, y * by, w * by, h * by);
      });
      for (const [x, y, inside] of this.clicks) {
        context.beginPath(); context.arc(x * by, y * by, 5 * ratio, 0, 7);
        context.fillStyle = inside ? this.color : "#101418"; context.fill();
        context.strokeStyle = "#fff"; context.lineWidth = 1.5 * ratio; context.stroke();
      }
      const pressed = this.pressed;
      if (pressed && pressed.tool === "box" && pressed.points[1]) {
        const [[x1, y1], [x2, y2]] = pressed.points;
        outline(() => {
          context.beginPath(); context.rect(x1 * by, y1 * by, (x2 - x1) * by, (y2 - y1) * by);
        });
      } else if (pressed && pressed.tool !== "box") {
        context.globalAlpha = 0.55;
        context.strokeStyle = context.fillStyle = pressed.tool === "erase" ? "#000" : this.color;
        context.lineWidth = 2 * this.brush * by;
        context.beginPath();
        pressed.points.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x * by, y * by));
        if (pressed.points.length === 1) context.lineTo(pressed.points[0][0] * by + 0.01, pressed.points[0][1] * by);
        context.stroke();
        context.globalAlpha = 1;
      }
      if (this.cursor) {
        const [x, y] = this.cursor.map((v) => v * by);
        context.strokeStyle = "rgba(255,255,255,.9)"; context.lineWidth = ratio;
        context.beginPath();
        if (this.tool === "paint" || this.tool === "erase") context.arc(x, y, this.brush * by, 0, 7);
        else { const r = 9 * ratio; context.moveTo(x - r, y); context.lineTo(x + r, y); context.moveTo(x, y - r); context.lineTo(x, y + r); }
        context.stroke();
      }
    },
    wheel(event) {
      if (event.ctrlKey || !this.length) return;
      const rect = this.ref("draw").getBoundingClientRect();
      const next = Math.max(1, Math.min(8, this.scale * Math.exp(-event.deltaY / 400)));
      const fx = (event.clientX - rect.left) / rect.width - 0.5;
      const fy = (event.clientY - rect.top) / rect.height - 0.5;
      const grow = next - this.scale;
      this.shift = next === 1 ? [0, 0]
        : [this.shift[0] - fx * grow * this.fit[0], this.shift[1] - fy * grow * this.fit[1]];
      this.scale = next;
      this.drawTools();
    },

    // --- before and after -------------------------------------------------------------------
    slideDown(event) { event.target.setPointerCapture(event.pointerId); },
    slideMove(event) {
      if (!event.buttons) return;
      const rect = this.ref("draw").getBoundingClientRect();
      this.split = Math.max(0, Math.min(1, (event.clientX - rect.left) / rect.width));
    },
    slideKey(event) {
      const by = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
      if (!by) return;
      this.split = Math.max(0, Math.min(1, this.split + by));
      event.preventDefault(); event.stopPropagation();
    },

    // --- timeline -----------------------------------------------------------------------------
    timeX(frame, width, margin) {
      return margin + ((frame + 0.5) / Math.max(1, this.length)) * (width - 2 * margin);
    },
    timeDown(event) { event.target.setPointerCapture(event.pointerId); this.timeMove(event); },
    timeMove(event) {
      if (!event.buttons) return;
      const rect = this.$refs.time.getBoundingClientRect();
      const part = (event.clientX - rect.left - MARGIN) / (rect.width - 2 * MARGIN);
      this.playing = false;
      this.seek(Math.floor(part * this.length));
    },
    drawTime() {
      const canvas = this.$refs.time;
      if (!canvas || !canvas.width) return;
      const context = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
      const width = canvas.width, height = canvas.height, margin = MARGIN * ratio;
      const { scores, doubts, states, keys } = this.curve;
      const top = 16 * ratio, band = 8 * ratio, bottom = height - band - 5 * ratio;
      const x = (frame) => this.timeX(frame, width, margin);
      const y = (value) => bottom - value * (bottom - top);
      context.clearRect(0, 0, width, height);
      context.strokeStyle = "rgba(255,255,255,.08)"; context.lineWidth = ratio;
      for (const value of [0, 0.5, 1]) {
        context.beginPath(); context.moveTo(margin, y(value)); context.lineTo(width - margin, y(value)); context.stroke();
      }
      const step = (width - 2 * margin) / Math.max(1, this.length);
      const colors = { d: "#3d8f6a", s: "#565c68", w: "#3b78c4", k: "#e8eaed", n: "#2a2e36" };
      for (let f = 0, from = 0; f <= states.length; f++) {
        if (f < states.length && f > 0 && states[f] === states[from]) continue;
        if (f > from) {
          context.fillStyle = colors[states[from]] || colors.n;
          context.fillRect(margin + from * step, height - band, Math.max(1, (f - from) * step), band);
        }
        from = f;
      }
      const run = (values, draw) => {
        let open = false;
        values.forEach((value, f) => {
          if (value < 0) { open = false; return; }
          draw(f, value, open); open = true;
        });
      };
      context.fillStyle = "rgba(245,179,66,.5)";
      run(doubts, (f, v) => context.fillRect(margin + f * step, y(v), Math.max(1, step), bottom - y(v)));
      context.strokeStyle = this.color; context.lineWidth = 1.6 * ratio;
      context.beginPath();
      run(scores, (f, v, open) => context[open ? "lineTo" : "moveTo"](x(f), y(v)));
      context.stroke();
      for (const [frame, kind] of keys) {
        const at = x(frame), r = 5 * ratio;
        context.fillStyle = kind === "gone" ? "#8b93a1" : "#fff";
        context.beginPath();
        context.moveTo(at, 3 * ratio); context.lineTo(at + r, 3 * ratio + r);
        context.lineTo(at, 3 * ratio + 2 * r); context.lineTo(at - r, 3 * ratio + r); context.fill();
      }
      if (this.length) {
        context.fillStyle = "#fff";
        context.fillRect(x(this.frame) - ratio, 0, 2 * ratio, height);
      }
    },

    // --- keyboard -----------------------------------------------------------------------------
    key(event) {
      const focus = document.activeElement, tag = focus ? focus.tagName : "";
      if (["INPUT", "TEXTAREA", "SELECT"].includes(tag)) return;
      if (document.querySelector('.q-dialog[aria-modal="true"]')) return; // one that fades is closed
      const word = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const big = event.shiftKey ? 10 : 1;
      if (event.ctrlKey || event.metaKey) {
        const edit = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[word];
        if (edit) { this.$emit("command", { name: edit }); event.preventDefault(); }
        return;
      }
      if (event.altKey && word.startsWith("Arrow")) { this.moveCursor(word, event.shiftKey ? 20 : 4); event.preventDefault(); return; }
      if (word === " " && tag === "BUTTON") return; // it presses the button
      if (word === "Enter") {
        if (tag === "BUTTON" || !this.cursor) return;
        if (this.pressed) this.up(); else this.begin([...this.cursor], event.shiftKey);
        event.preventDefault();
        return;
      }
      const own = {
        ArrowLeft: () => this.seek(this.frame - big), ArrowRight: () => this.seek(this.frame + big),
        Home: () => this.seek(0), End: () => this.seek(this.length - 1), " ": () => this.play(),
        "[": () => this.jump(-1), "]": () => this.jump(1),
        0: () => { this.scale = 1; this.shift = [0, 0]; },
        "+": () => this.resize(1.25 * this.brush), "=": () => this.resize(1.25 * this.brush),
        "-": () => this.resize(0.8 * this.brush),
      }[word] || (TOOLS[word] && (() => this.take(TOOLS[word])));
      const name = { g: "gone", k: "take", r: event.shiftKey ? "backward" : "forward", n: "next", d: "doubt", a: "add", x: "escape", Escape: "escape", Delete: "unset", Backspace: "unset", h: "help", "?": "help" }[word]
        || (/^[1-9]$/.test(word) ? "object" + word : null);
      if (own) own();
      else if (name) { if (name === "escape") this.cancel(); this.$emit("command", { name }); }
      else return;
      event.preventDefault();
    },
    jump(by) {
      const frames = this.curve.keys.map(([f]) => f).sort((a, b) => a - b);
      const next = by > 0 ? frames.find((f) => f > this.frame) : frames.reverse().find((f) => f < this.frame);
      if (next !== undefined) this.seek(next);
    },
    moveCursor(word, by) {
      const at = this.cursor || [this.size[0] / 2, this.size[1] / 2];
      const step = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[word];
      this.cursor = [at[0] + step[0], at[1] + step[1]];
      if (this.pressed) {
        if (this.pressed.tool === "box") this.pressed.points[1] = this.cursor; else this.pressed.points.push(this.cursor);
      }
      this.drawTools();
    },
  },
};
