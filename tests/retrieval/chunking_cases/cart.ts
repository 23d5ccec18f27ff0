import { sum } from "./sum";

export interface Priced {
  price(): number;
}

export type Items = Priced[];

export enum State {
  Open,
  Paid,
}

@sealed
export abstract class Cart<T extends Priced> {
  constructor(private items: T[]) {}

  total(): number {
    return sum(this.items);
  }

  abstract pay(): Promise<void>;
}

export const isFull = (cart: Cart<Priced>): boolean => cart.total() > LIMIT;

export function load(key: string): Cart<Priced> {
  return fetchCart(key);
}

namespace Shop {
  export function open(): void {}
}
