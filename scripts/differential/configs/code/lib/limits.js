exports.longer = (text, least) => text.length > least;
