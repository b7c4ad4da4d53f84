export const longer = (text, least) => text.length > least;
