use std::fmt;

pub const LIMIT: usize = 3;

/// What a customer wants to buy.
#[derive(Debug, Clone)]
pub struct Cart<'a> {
    items: Vec<&'a Item>,
}

pub enum State {
    Open,
    Paid,
}

pub trait Priced {
    fn price(&self) -> u64;
}

impl<'a> Cart<'a> {
    pub fn total(&self) -> u64 {
        self.items.iter().map(|item| item.price()).sum()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "state")
    }
}

macro_rules! cart {
    ($($x:expr),*) => { Cart::new(vec![$($x),*]) };
}

mod tests {
    #[test]
    fn is_empty() {
        assert_eq!(cart![].total(), 0);
    }
}
