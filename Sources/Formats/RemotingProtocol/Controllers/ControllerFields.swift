import MessageFormat

// Field types that only the controllers' requests have.
extension ReceivedCommand {
    /// A text that must be there and not be empty.
    func filledString(_ name: StaticString) throws(HeaderFieldError) -> String {
        guard let text = self.nonEmptyString(name) else {
            throw HeaderFieldError(field: "\(name)", problem: "is missing")
        }
        return text
    }

    /// Absent means zero: no epoch yet. The wire has 31 bits for it.
    func epoch(_ name: StaticString) throws(HeaderFieldError) -> Epoch {
        guard let value = UInt32(exactly: try self.int32(name) ?? 0) else {
            throw HeaderFieldError(field: "\(name)", problem: "is negative")
        }
        return Epoch(value)
    }

    /// Absent means zero.
    func counter(_ name: StaticString) throws(HeaderFieldError) -> Int32 {
        let value = try self.int32(name) ?? 0
        guard value >= 0 else { throw HeaderFieldError(field: "\(name)", problem: "is negative") }
        return value
    }

    /// Absent means the log's start.
    func position(_ name: StaticString) throws(HeaderFieldError) -> PhysicalOffset {
        let value = try self.int64(name) ?? 0
        guard value >= 0 else { throw HeaderFieldError(field: "\(name)", problem: "is negative") }
        return PhysicalOffset(value)
    }

    /// Absent means zero, which no broker of ours draws.
    func incarnation(_ name: StaticString) throws(HeaderFieldError) -> UInt64 {
        guard let text = self.nonEmptyString(name) else { return 0 }
        guard let value = UInt64(text) else {
            throw HeaderFieldError(field: "\(name)", problem: "is not an unsigned 64-bit integer")
        }
        return value
    }

    /// The body as `Body`; its errors as those of a field.
    func controllerBody<Body: JSONBody>(as type: Body.Type) throws(HeaderFieldError) -> Body {
        do {
            return try Body(bodyOf: self)
        } catch {
            throw HeaderFieldError(field: "body", problem: "cannot be used: \(error)")
        }
    }
}

extension HeaderField {
    init(_ name: String, _ value: String) { self.init(name: name, value: value) }
    init(_ name: String, _ value: some BinaryInteger) { self.init(name: name, value: "\(value)") }
    init(_ name: String, _ value: Bool) { self.init(name: name, value: "\(value)") }
}

extension RemotingCommand {
    init(_ code: RequestCode, _ fields: [HeaderField], body: [UInt8] = []) {
        self.init(code: code.rawValue, fields: fields, body: body)
    }
}
