/// Where one field lies in a frame's bytes. Sixteen bytes, so that a header's fields are one small
/// array.
struct FieldReference: Sendable {
    /// How the bytes of the value become its text.
    enum Form: UInt8, Sendable {
        /// As they are.
        case plain
        /// By resolving JSON's escapes.
        case escaped
    }

    var nameAt: UInt32
    var valueAt: UInt32
    var valueCount: UInt32
    var nameCount: UInt16
    var nameForm: Form
    var valueForm: Form

    static let nameCountMax = Int(UInt16.max)

    func name(in frame: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = Int(self.nameAt)
        return UnsafeRawBufferPointer(rebasing: frame[start..<(start + Int(self.nameCount))])
    }

    func value(in frame: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = Int(self.valueAt)
        return UnsafeRawBufferPointer(rebasing: frame[start..<(start + Int(self.valueCount))])
    }

    func hasName(_ wanted: UnsafeBufferPointer<UInt8>, in frame: UnsafeRawBufferPointer) -> Bool {
        let start = Int(self.nameAt)
        if self.nameForm == .escaped {
            // An escape takes six bytes for one at most: a name of kilobytes need not be resolved.
            guard (wanted.count...6 * wanted.count).contains(Int(self.nameCount)) else {
                return false
            }
            return JSONText.unescaped(self.name(in: frame)).elementsEqual(wanted)
        }
        guard Int(self.nameCount) == wanted.count else { return false }
        var index = 0
        while index < wanted.count {
            guard frame[start + index] == wanted[index] else { return false }
            index += 1
        }
        return true
    }
}

/// What a header says, before anybody has asked for a field.
struct ScannedHeader: Sendable {
    /// More would be an attack: the longest request has some 25.
    static let fieldsMax = 1024

    var code: Int32 = 0
    var version: Int32 = 0
    var opaque: Int32 = 0
    var flag: Int32 = 0
    var language = LanguageCode.other
    /// The name part means nothing here.
    var remark: FieldReference?
    var fields: [FieldReference] = []

    /// Where the field of that name stands; the last one if the name occurs twice.
    func lastIndex(of name: StaticString, in frame: UnsafeRawBufferPointer) -> Int? {
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        var index = self.fields.count - 1
        while index >= 0 {
            if self.fields[index].hasName(wanted, in: frame) { return index }
            index -= 1
        }
        return nil
    }
}
