/** Proof of a lease: no write of a replica that lost it can land (R12). */
export interface Lease {
  readonly id: string;
  readonly token: number;
}
