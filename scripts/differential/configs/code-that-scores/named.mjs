export function least(named, { threshold, componentResults }) {
  const score = Math.min(...Object.values(named), ...componentResults.map((result) => result.score));
  return { pass: score >= threshold, score, reason: `the least is ${score}` };
}
