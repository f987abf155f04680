/** Names of classes in the language of the reader, and which of them are wanted. */

/** Languages in which a model has names of its classes: locales, and "" for its labels. */
export function languagesOf(heads) {
  return ["", ...new Set(heads.flatMap(({ translations }) => Object.keys(translations)))];
}

/** Return the language among those of a model that suits a reader best, given locales in the order of preference. */
export function bestLanguage(languages, wanted) {
  const plain = (locale) => locale.toLowerCase().replaceAll("_", "-");
  const family = (locale) => plain(locale).split("-")[0];
  for (const locale of wanted) {
    const found =
      languages.find((one) => one && plain(one) === plain(locale)) ??
      languages.find((one) => one && family(one) === family(locale));
    if (found !== undefined) return found;
    if (family(locale) === "en") return ""; // labels are in English, unless a model says otherwise
  }
  return "";
}

/** Return the name of a language, in that language. */
export function languageName(locale) {
  if (!locale) return "English";
  try {
    return new Intl.DisplayNames([locale], { type: "language" }).of(locale.replaceAll("_", "-"));
  } catch {
    return locale;
  }
}

/** Classes of all heads as they are shown. */
export class Names {
  /** All classes, of one head after the other: `{label, classIndex, head, shown}`. */
  classes;
  #wanted = [];

  constructor(heads, language = "") {
    const many = heads.length > 1;
    this.classes = heads.flatMap(({ labels, name, translations }) =>
      labels.map((label, classIndex) => {
        const shown = translations[language]?.[classIndex] || label;
        return { label, classIndex, head: many ? name : "", shown: many ? `${shown} · ${name}` : shown };
      }),
    );
  }

  /** Want the classes whose name or label has one of some words in it, with commas between them; of none, all. */
  filter(text) {
    const words = text.toLocaleLowerCase().split(",");
    this.#wanted = words.map((word) => word.trim()).filter(Boolean);
  }

  /** Return the class that an event is of. */
  of({ head, classIndex }) {
    return this.classes.find((one) => one.head === head && one.classIndex === classIndex);
  }

  isWanted({ label, shown }) {
    const texts = [label.toLocaleLowerCase(), shown.toLocaleLowerCase()];
    return !this.#wanted.length || this.#wanted.some((word) => texts.some((text) => text.includes(word)));
  }
}
