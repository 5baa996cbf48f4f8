/** Proof of a lease: no write of a replica that lost it can land. */
export interface Lease {
  readonly id: string;
  readonly token: number;
}
