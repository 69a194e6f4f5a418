//! Those of the standard library, but for what is printed: it is [`escaped`](crate::escaped).

/// As `std::print!`, of an escaped text.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {
        ::std::print!("{}", $crate::escaped(&::std::format!($($text)*)))
    };
}

/// As `std::println!`, of an escaped text.
#[macro_export]
macro_rules! println {
    () => { ::std::println!() };
    ($($text:tt)*) => {
        ::std::println!("{}", $crate::escaped(&::std::format!($($text)*)))
    };
}

/// As `std::eprint!`, of an escaped text.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => {
        ::std::eprint!("{}", $crate::escaped(&::std::format!($($text)*)))
    };
}

/// As `std::eprintln!`, of an escaped text.
#[macro_export]
macro_rules! eprintln {
    () => { ::std::eprintln!() };
    ($($text:tt)*) => {
        ::std::eprintln!("{}", $crate::escaped(&::std::format!($($text)*)))
    };
}
