/** A sound that could not be made by then says nothing of now. */
const LATE_MS = 500;

/** A short, soft sound when an alert comes: two notes, a third apart, a quarter of a second. */
export class Sound {
  on = false;
  /** @type {AudioContext | null} */ #audio = null;

  /** Browsers let a page sound after a click only: this is called from one. @param {boolean} on */
  switch(on) {
    this.on = on;
    if (!on) return;
    this.#audio ??= new AudioContext();
    // It shows how it sounds, as soon as it can.
    this.play(Infinity);
  }

  /** @param {number} [lateMs] after so long it is not made any more */
  async play(lateMs = LATE_MS) {
    const audio = this.#audio;
    if (!this.on || !audio) return;
    const askedMs = performance.now();
    // A tablet suspends a page's sound when it likes, and a browser until a click.
    if (audio.state !== "running") await audio.resume();
    if (!this.on || performance.now() - askedMs > lateMs) return;
    [660, 830].forEach((frequency, number) => {
      const [tone, volume] = [audio.createOscillator(), audio.createGain()];
      const from = audio.currentTime + number * 0.12;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0, from);
      volume.gain.linearRampToValueAtTime(0.12, from + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, from + 0.25);
      tone.connect(volume).connect(audio.destination);
      tone.start(from);
      tone.stop(from + 0.3);
    });
  }

  close() {
    this.on = false;
    this.#audio?.close();
    this.#audio = null;
  }
}
