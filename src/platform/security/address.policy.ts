import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * What an address may be used for.
 * - `public`: global unicast, open to everybody.
 * - `private`: loopback, RFC 1918, unique local, carrier NAT; open where the operator said so.
 * - `restricted`: link-local, reserved, documentation, and IPv6 forms that wrap an IPv4 address; open only to a range the operator wrote.
 * - `forbidden`: cloud metadata, multicast, broadcast, unspecified and whatever cannot be parsed; never open.
 */
export type AddressVerdict = 'public' | 'private' | 'restricted' | 'forbidden';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

/** Instance metadata and platform endpoints; some of them lie in ranges that are otherwise public or private. */
const METADATA = new Set(
  [
    '169.254.169.254', // AWS, Azure, GCP, OpenStack and others
    '169.254.170.2', // AWS ECS task credentials
    '169.254.170.23', // AWS EKS pod identity
    '100.100.100.200', // Alibaba Cloud
    '168.63.129.16', // Azure platform
    '192.0.0.192', // Oracle Cloud
    'fd00:ec2::254', // AWS
    'fd00:ec2::23', // AWS EKS pod identity
    'fd20:ce::254', // GCP
  ].map((text) => ipaddr.parse(text).toNormalizedString()),
);

const NEVER = new Set(['unspecified', 'multicast', 'broadcast']);
const PRIVATE = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat']);

/** The only part of IPv6 that is assigned to global unicast (IANA, RFC 4291). */
const GLOBAL_IPV6: Range = [ipaddr.parse('2000::'), 3];
const IPV4_COMPATIBLE: Range = [ipaddr.parse('::'), 96];
const LOOPBACK_IPV6 = ipaddr.parse('::1').toNormalizedString();

export function parseAddress(text: string): Address | undefined {
  return isIP(text) === 0 ? undefined : ipaddr.parse(text);
}

export function inRange(address: Address, [network, prefixLength]: Range): boolean {
  return address.kind() === network.kind() && address.match(network, prefixLength);
}

function ipv4At(bytes: readonly number[], offset: number, mask = 0): ipaddr.IPv4 {
  return new ipaddr.IPv4(bytes.slice(offset, offset + 4).map((byte) => byte ^ mask));
}

/** The IPv4 address that an IPv6 transition form would really reach. */
function embeddedIpv4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray();
  const range: string = address.range();
  if (range === '6to4') return ipv4At(bytes, 2);
  if (range === 'teredo') return ipv4At(bytes, 12, 0xff);
  // NAT64 and the translation prefix of RFC 6145 carry it in the last four bytes.
  if (range === 'rfc6052' || range === 'rfc6145') return ipv4At(bytes, 12);
  if (inRange(address, IPV4_COMPATIBLE) && address.toNormalizedString() !== LOOPBACK_IPV6) return ipv4At(bytes, 12);
  // ISATAP (RFC 5214) marks its interface identifier with 5efe.
  if ((bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe) return ipv4At(bytes, 12);
  return undefined;
}

function classifyIpv4(address: ipaddr.IPv4): AddressVerdict {
  const range = address.range();
  if (METADATA.has(address.toNormalizedString()) || NEVER.has(range)) return 'forbidden';
  if (range === 'unicast') return 'public';
  return PRIVATE.has(range) ? 'private' : 'restricted';
}

export function classifyAddress(address: Address): AddressVerdict {
  if (address instanceof ipaddr.IPv4) return classifyIpv4(address);
  if (address.isIPv4MappedAddress()) return classifyIpv4(address.toIPv4Address());
  const range = address.range();
  if (METADATA.has(address.toNormalizedString()) || NEVER.has(range) || address.zoneId !== undefined) return 'forbidden';
  const embedded = embeddedIpv4(address);
  if (embedded !== undefined) return classifyIpv4(embedded) === 'forbidden' ? 'forbidden' : 'restricted';
  if (range === 'unicast' && inRange(address, GLOBAL_IPV6)) return 'public';
  return PRIVATE.has(range) ? 'private' : 'restricted';
}

/** The address by which allow-list ranges are matched: a mapped IPv6 address is its IPv4 address. */
export function plainAddress(address: Address): Address {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}
