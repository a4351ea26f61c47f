// Whether a text is an IP address.
import { z } from 'zod';

const ipv4 = z.ipv4();
const ipv6 = z.ipv6();

/** Whether a text is an IPv4 or IPv6 address. */
export function isIP(text: string): boolean {
  return ipv4.safeParse(text).success || ipv6.safeParse(text).success;
}
