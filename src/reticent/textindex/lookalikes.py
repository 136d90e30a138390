"""Characters that look like Latin letters or digits and that Unicode's compatibility forms leave.

Source: Unicode Technical Standard 39, section 4 (confusables), the single letters that pass for one
Latin letter in running text. Both cases of a letter fold to one: a Greek or Russian corpus must be
found again in capitals, too. So capital Nu, which looks like N, folds as its small form does, to v.
"""

_GROUPS = {
    "a": "аАαΑɑᴀаӑӓꭺᎪꓮ🅐🅰🇦∀ⱥȺ",
    "b": "ьЬвВβΒʙɓᏴꓐ🅑🅱🇧ЪъƀɃ",
    "c": "сСϲϹᴄⅽꮯᏟꓚ🅒🅲🇨ⲥⲤƈȼ",
    "d": "ԁԀɗɖđĐᴅꓓᎠ🅓🅳🇩ð",
    "e": "еЕεΕєЄᴇ℮ҽꓰᎬ🅔🅴🇪ɛəɘ",
    "f": "ꓝƒϝϜꞙ🅕🅵🇫ꜰ",
    "g": "ɡᶃցԌԍɢꓖᏀ🅖🅶🇬ǥ",
    "h": "һҺнНηΗʜħĦꓧᎻ🅗🅷🇭հ",
    "i": "іІιΙıɩӏӀɪꓲᎥ🅘🅸🇮ɨ∣ǀا",
    "j": "јЈϳͿᴊɉꓙᎫ🅙🅹🇯ʝ",
    "k": "кКκΚᴋƙꓗᏦ🅚🅺🇰қҚ",
    "l": "ʟłŁƚɭꓡᏞ🅛🅻🇱ⅼ",
    "m": "мМμΜᴍɱꓟᎷ🅜🅼🇲ⅿ",
    "n": "пПɴɲŋŊꓠ🅝🅽🇳ոռ",
    "o": "оОοΟσΣᴏօՕøØөӨꓳⲟⲞ🅞🅾🇴ɵთဝ०০੦૦௦౦೦൦๐໐",
    "p": "рРρΡᴘƥꓑᏢ🅟🅿🇵ⲣⲢþÞ",
    "q": "ԛԚզգɋꓬ🅠🆀🇶",
    "r": "гГʀɍɾꓣᎡᏒ🅡🆁🇷ᴦ",
    "s": "ѕЅꜱʂꓢᏚ🅢🆂🇸ƽ",
    "t": "тТτΤᴛŧŦƭꓔᎢ🅣🆃🇹ⲧ",
    "u": "υΥᴜʋսՍꓴ🅤🆄🇺ʉцЦ",
    "v": "νΝᴠѵѴꓦᏙ🅥🆅🇻ⅴ∨",
    "w": "ԝԜωΩᴡѡѠшШꓪᎳ🅦🆆🇼ա",
    "x": "хХχΧⅹꓫ🅧🆇🇽×✕✖",
    "y": "уУγΓʏүҮყꓬᎩ🅨🆈🇾ƴɏ",
    "z": "ζΖᴢʐƶƵꓜᏃ🅩🆉🇿ʒ",
}

#: Look-alike -> small Latin letter.
LOOKALIKES = {each: letter for letter, those in reversed(_GROUPS.items()) for each in those}
