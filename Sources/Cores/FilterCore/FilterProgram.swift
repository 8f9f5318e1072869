/// An expression as postfix code: operands put values on a stack, operators replace them by one.
struct FilterProgram: Sendable {
    enum Operation: Sendable {
        case constant(Constant)
        /// The property with this place in `names`.
        case property(Int)
        case compare(Comparison)
        /// Takes the value and both bounds.
        case between(negated: Bool)
        case isNull(negated: Bool)
        /// Compares with these elements of `lists`.
        case isIn(Range<Int>, negated: Bool)
        case search(TextSearch, negated: Bool)
        /// What does not result in a truth value by itself counts as false.
        case condition
        case negate
        case not
        /// Skips the right side of OR, leaving the left one's value, when that decides.
        case jumpIfTrue(to: Int)
        case jumpIfFalse(to: Int)
        case and
        case or
    }

    enum Constant: Sendable, Equatable {
        case null
        case boolean(Bool)
        case integer(Int64)
        case double(Double)
        /// Bytes of `texts`.
        case text(Range<Int>)
    }

    private(set) var operations: [Operation] = []
    /// All literal texts and names, one behind the other.
    private(set) var texts: [UInt8] = []
    /// The named properties, by length and bytes.
    private(set) var names: [(bytes: Range<Int>, slot: Int)] = []
    /// The elements of all IN lists.
    private(set) var lists: [Range<Int>] = []
    private(set) var searches = 0
    /// How many values the stack holds at most.
    private(set) var stackMax = 0
    private var stack = 0
    private var jumps = 0
    private var slots: [String: Int] = [:]

    /// Whether the limit on nodes is kept. Jumps are our own.
    var isSmallEnough: Bool {
        self.operations.count - self.jumps + self.lists.count
            <= FilterExpression.Limits.nodesMax
    }
}

// Putting a program together.
extension FilterProgram {
    mutating func append(_ operation: Operation) {
        self.operations.append(operation)
        self.stack += operation.growth
        self.stackMax = max(self.stackMax, self.stack)
        switch operation {
        case .search: self.searches += 1
        case .jumpIfTrue, .jumpIfFalse: self.jumps += 1
        default: break
        }
    }

    mutating func appendProperty(_ name: String) {
        let slot = self.slots[name] ?? self.slots.count
        if self.slots.updateValue(slot, forKey: name) == nil {
            self.names.append((self.keep(Array(name.utf8)), slot))
        }
        self.append(.property(slot))
    }

    mutating func replaceLast(by constant: Constant) {
        self.operations[self.operations.count - 1] = .constant(constant)
    }

    mutating func keep(_ text: [UInt8]) -> Range<Int> {
        let start = self.texts.count
        self.texts.append(contentsOf: text)
        return start..<self.texts.count
    }

    mutating func keepElement(_ text: [UInt8]) { self.lists.append(self.keep(text)) }

    /// Lets the jump at `place` lead behind everything appended so far.
    mutating func land(_ place: Int) {
        switch self.operations[place] {
        case .jumpIfTrue: self.operations[place] = .jumpIfTrue(to: self.operations.count)
        case .jumpIfFalse: self.operations[place] = .jumpIfFalse(to: self.operations.count)
        default: preconditionFailure("only jumps land")
        }
    }

    /// Nothing more is appended.
    mutating func finish() {
        let texts = self.texts
        self.names.sort { left, right in
            left.bytes.count != right.bytes.count
                ? left.bytes.count < right.bytes.count
                : texts[left.bytes].lexicographicallyPrecedes(texts[right.bytes])
        }
    }
}

extension FilterProgram.Operation {
    /// By how much the stack grows.
    fileprivate var growth: Int {
        switch self {
        case .constant, .property: 1
        case .isNull, .isIn, .search, .condition, .negate, .not, .jumpIfTrue, .jumpIfFalse: 0
        case .compare, .and, .or: -1
        case .between: -2
        }
    }
}

enum Comparison: Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    var isEquality: Bool { self == .equal || self == .notEqual }

    func holds<T: Comparable>(_ left: T, _ right: T) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }
}
