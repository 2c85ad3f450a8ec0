//! What a word says of its neighbours. These lists are grammar, not vocabulary: which words bring a clause with ש, which
//! take no prefix behind them, which verbs want which preposition.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold::{self, Key};
use super::hash::KeyHash;

/// Traits of a word, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traits(u16);

impl Traits {
    pub(super) const SAYS: Self = Self(1);
    pub(super) const PREPOSITION: Self = Self(2);
    pub(super) const NUMBER: Self = Self(4);
    pub(super) const TAKES_BET: Self = Self(8);
    pub(super) const TAKES_LAMED: Self = Self(16);
    pub(super) const TAKES_MEM: Self = Self(32);
    /// את.
    pub(super) const OBJECT_MARK: Self = Self(64);
    /// It has the article.
    pub(super) const DEFINITE: Self = Self(128);
    pub(super) const ADJECTIVE: Self = Self(256);
    pub(super) const SURNAME: Self = Self(512);
    pub(super) const GIVEN_NAME: Self = Self(1024);
    pub(super) const PATRONYMIC: Self = Self(2048);

    pub(super) fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }

    pub(super) fn when(holds: bool, traits: Self) -> Self {
        if holds { traits } else { Self(0) }
    }
}

impl std::ops::BitOr for Traits {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Traits {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// After these ש begins what is said, known or wanted.
const SAYS: &str = "אמר אמרה אמרו אומר אומרת אומרים ציין ציינה ציינו מציין מציינת טען טענה טענו טוען טוענת ביקש ביקשה
    ביקשו מבקש מבקשת סיפר סיפרה סיפרו מספרת הודיע הודיעה הודיעו מודיע מודיעה חשב חשבה חושב חושבת יודע יודעת ידע ידעה
    רצה רצתה רוצה רוצים הבטיח הבטיחה הבטיחו הסביר הסבירה כתב כתבה כתבו נמסר מסר מסרה דיווח דיווחה דיווחו התלונן
    התלוננה הוסיף הוסיפה אישר אישרה אישרו הבין הבינה ראה ראתה שמע שמעה שמח שמחה התברר נראה סבור סבורה מקווה קיוותה
    קבע קבעה השיב השיבה ענה ענתה הזכיר הזכירה שכנע דרש דרשה הדגיש הדגישה גילה גילתה בטוח בטוחה נטען כנראה";

/// A noun stands right behind these.
const PREPOSITIONS: &str = "של על אל את עם בין לפני אחרי בלי ללא מול ליד אצל בגלל בשביל עבור לגבי כולל תחת דרך מאחורי
    נגד תמורת";

const NUMBERS: &str = "מאה מאתיים אלף אלפיים עשרה עשר עשרים שלושים ארבעים חמישים שישים שבעים שמונים תשעים שני שתי שלושה
    שלוש ארבעה ארבע חמישה חמש שישה שש שבעה שבע שמונה תשעה תשע מיליון כמה";

const TAKE_BET: &str = "נכנס נכנסה נכנסו נכנסת נכנסים נכנסות נמצא נמצאת נמצאים נמצאה גר גרה גרים עובד עובדת עבד עבדה
    טיפל טיפלה מטפל מטפלת השתמש השתמשה משתמש משתמשת נגע נגעה פגע פגעה בחר בחרה תלוי תלויה קשור קשורה נתקע נתקעה נתקל
    נתקלה מעוניין מעוניינת עוסק עוסקת זכה זכתה צפה צפתה הסתכל הסתכלה תמך תמכה מדובר נתון טעה טעתה התחשב התחשבה הבחין
    הבחינה הביט הביטה שילם שילמה חויב חויבה ישב ישבה שהה שהתה ביקר ביקרה התעניין התעניינה";

const TAKE_LAMED: &str = "הגיע הגיעה הגיעו מגיע מגיעה התקשר התקשרה התקשרו מתקשר פנה פנתה פנו פונה שלח שלחה נשלח נשלחה
    הועבר הועברה הועברו עבר עברה עברו נתן נתנה זקוק זקוקה מחכה מחכים ממתין ממתינה חיכה הלך הלכה הולך הולכת נסע נסעה עזר
    עזרה מסר מסרה שייך שייכת התאים מתאים הצטרף הצטרפה נרשם נרשמה הפנה הופנה הוזמן הוזמנה טס טסה";

const TAKE_MEM: &str = "יצא יצאה יצאו חזר חזרה חזרו נהנה נהנתה סבל סבלה סובל סובלת מרוצה הגיע הגיעה ירד ירדה חושש
    חוששת פחד פחדה נמנע נמנעה הושפע נבע נובע רחוק רחוקה התעלם התעלמה הופתע הופתעה התאכזב התאכזבה התקשר התקשרה נמחק נמחקה
    הוסר הוסרה";

static LISTED: LazyLock<HashMap<Key, Traits, KeyHash>> = LazyLock::new(|| {
    let mut listed: HashMap<Key, Traits, KeyHash> = HashMap::default();
    let lists = [
        (SAYS, Traits::SAYS),
        (PREPOSITIONS, Traits::PREPOSITION),
        (NUMBERS, Traits::NUMBER),
        (TAKE_BET, Traits::TAKES_BET),
        (TAKE_LAMED, Traits::TAKES_LAMED),
        (TAKE_MEM, Traits::TAKES_MEM),
        ("את", Traits::OBJECT_MARK),
        ("בן בת בר אבו", Traits::PATRONYMIC),
    ];
    for (words, traits) in lists {
        for word in words.split_whitespace() {
            *listed.entry(fold::key_of(word)).or_default() |= traits;
        }
    }
    listed
});

/// What the lists say of a word.
pub(super) fn traits_of(key: Key) -> Traits {
    LISTED.get(&key).copied().unwrap_or_default()
}
