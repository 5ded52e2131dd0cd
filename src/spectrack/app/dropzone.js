// A field for a video file: sends it as it is, and tells how far it is.
export default {
  template: `
    <label class="drop" :class="{ over }" @dragover.prevent="over = true" @dragleave="over = false"
      @drop.prevent="take($event.dataTransfer.files[0])">
      <input type="file" :accept="accept" @change="take($event.target.files[0])" />
      <span class="drop-text">{{ text }}</span>
      <span v-if="part !== null" class="drop-part"><i :style="{ width: 100 * part + '%' }"></i></span>
    </label>`,
  props: { label: String, accept: String, limit: Number, sending: String, large: String },
  data: () => ({ part: null, over: false, name: "" }),
  computed: {
    text() { return this.part === null ? this.label : this.sending + " " + this.name; },
  },
  methods: {
    take(file) {
      this.over = false;
      if (!file || this.part !== null) return;
      if (file.size > this.limit) { this.$emit("failed", { sentence: this.large }); return; }
      this.name = file.name; this.part = 0;
      const request = new XMLHttpRequest();
      request.upload.onprogress = (event) => { this.part = event.loaded / Math.max(1, event.total); };
      request.onloadend = () => {
        this.part = null;
        if (request.status === 200) { this.$emit("sent", {}); return; }
        let sentence = request.responseText || "";
        try { sentence = JSON.parse(sentence).detail; } catch (error) { /* plain text */ }
        this.$emit("failed", { sentence: String(sentence).slice(0, 400) });
      };
      request.open("PUT", "/upload?name=" + encodeURIComponent(file.name));
      request.send(file);
    },
  },
};
