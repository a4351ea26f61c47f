// Fills the skeletons of a stream's events again, as their hub events come.
import type { Extra, JsonObject } from './extra.ts';
import type { HubEvent } from './response.ts';
import { type JsonPath, type Skeleton, type Slot, cloneJson, skeletonName } from './skeleton.ts';

/** A skeleton being filled. */
export interface Filling {
  readonly event: string | undefined;
  readonly body: JsonObject;
  readonly slots: Slot[];
  readonly repeated: readonly JsonPath[];
}

/** Collects the hub events of one skeleton. What does not fit ends the skeleton early: then events were dropped on the way. */
export class Refill {
  readonly #format: Extra['format'];
  readonly #fill: (filling: Filling, slot: Slot, event: HubEvent) => void;
  #filling: Filling | undefined;

  constructor(format: Extra['format'], fill: (filling: Filling, slot: Slot, event: HubEvent) => void) {
    this.#format = format;
    this.#fill = fill;
  }

  /** The skeletons that are whole after this event, and whether the event belongs to one. */
  take(event: HubEvent): { readonly whole: Filling[]; readonly isTaken: boolean } {
    if (event.type === 'opaque' && event.format === this.#format && event.name === skeletonName) {
      const whole = this.#give();
      const { event: name, body, slots, repeated } = event.value as Skeleton;
      this.#filling = { event: name, body: cloneJson(body), slots: [...slots], repeated };
      if (slots.length === 0) whole.push(...this.#give());
      return { whole, isTaken: true };
    }
    const slot = this.#filling?.slots[0];
    if (!this.#filling || slot?.type !== event.type) return { whole: this.#give(), isTaken: false };
    this.#filling.slots.shift();
    this.#fill(this.#filling, slot, event);
    return { whole: this.#filling.slots.length === 0 ? this.#give() : [], isTaken: true };
  }

  #give(): Filling[] {
    const filling = this.#filling;
    this.#filling = undefined;
    return filling ? [filling] : [];
  }
}
