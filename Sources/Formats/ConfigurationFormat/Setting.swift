/// Something that an operator may choose: its key, and what it changes in a configuration.
package struct Setting<Configuration: Sendable>: Sendable {
    package let key: String
    /// Other names for it: of RocketMQ's other versions, for one.
    package let aliases: [String]
    let take: @Sendable (String, inout Configuration) throws(WrongValue) -> Void
    let show: @Sendable (Configuration) -> String

    /// - Parameter inForce: what counts when nothing is said, if other settings decide that.
    package init<Value: Sendable>(
        _ key: String, _ path: any WritableKeyPath<Configuration, Value> & Sendable,
        _ form: SettingForm<Value>, aliases: [String] = [],
        inForce: (@Sendable (Configuration) -> Value)? = nil
    ) {
        self.key = key
        self.aliases = aliases
        self.take = { text, configuration throws(WrongValue) in
            configuration[keyPath: path] = try form.parse(text)
        }
        self.show = { configuration in
            form.print(inForce?(configuration) ?? configuration[keyPath: path])
        }
    }

    /// A setting that may say nothing.
    package init<Value: Sendable>(
        _ key: String, _ path: any WritableKeyPath<Configuration, Value?> & Sendable,
        orNothing form: SettingForm<Value>, aliases: [String] = [],
        inForce: (@Sendable (Configuration) -> Value?)? = nil
    ) {
        self.init(key, path, form.orNothing, aliases: aliases, inForce: inForce)
    }

    var names: [String] { [self.key] + self.aliases }
}

/// A key of RocketMQ's that has one value here, whatever is said.
package struct FixedSetting<Configuration: Sendable>: Sendable {
    package enum Verdict: Hashable, Sendable {
        /// What is asked for is how it is.
        case fine
        /// The program runs, but not as asked; why.
        case noEffect(String)
        /// Not to be run like this; why.
        case wrong(String)
    }

    package let key: String
    let judge: @Sendable (_ value: String, Configuration) -> Verdict

    package init(
        _ key: String, judge: @escaping @Sendable (_ value: String, Configuration) -> Verdict
    ) {
        self.key = key
        self.judge = judge
    }

    /// - Parameter value: how it is here.
    package init(_ key: String, _ value: String, _ reason: String) {
        self.init(key) { asked, _ in
            asked.lowercased() == value.lowercased() ? .fine : .noEffect(reason)
        }
    }
}

/// Who said what a setting is. The later a case stands here, the more it counts.
package enum SettingSource: Hashable, Sendable, CustomStringConvertible {
    case byDefault
    case file(String, line: Int)
    case environment(String)
    case flag(String)

    package var description: String {
        switch self {
        case .byDefault: "default"
        case .file: "file \(self.place)"
        case .environment: "environment \(self.place)"
        case .flag: "flag \(self.place)"
        }
    }

    /// Where to look, in front of a complaint.
    var place: String {
        switch self {
        case .byDefault: "default"
        case .file(let name, let line): "\(name):\(line)"
        case .environment(let name), .flag(let name): name
        }
    }
}

/// A setting's key and value, and who said so.
package struct GivenSetting: Hashable, Sendable {
    package let key: String
    package let value: String
    package let source: SettingSource

    package init(_ key: String, _ value: String, _ source: SettingSource) {
        self.key = key
        self.value = value
        self.source = source
    }
}
