export const short = ({ vars }) => vars.name + ' ' + vars.note;
