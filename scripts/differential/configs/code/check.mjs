import { createHash } from 'node:crypto';
import { longer } from './lib/longer.mjs';

export default function (output, { vars }) {
  const digest = createHash('sha256').update(output).digest('hex');
  return { pass: longer(output, 3), score: 1, reason: `${vars.x} ${digest}` };
}
