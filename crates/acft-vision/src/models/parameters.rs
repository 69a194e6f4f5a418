//! Reading and replacing a network's tensors by torchvision's names.
//!
//! The names are the paths of the fields that hold the tensors; only the
//! variants of enums, which a path has no word for, are left out.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

/// A tensor as a file of weights has it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Lengths of the axes, outermost first.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

/// Tensors by name, in the order of their names.
pub type Named = BTreeMap<String, NamedTensor>;

/// A parameter without its values.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) id: ParamId,
    pub(crate) shape: Vec<usize>,
}

/// Names, identifiers and shapes, in the order of the layers. Reads no value,
/// so that a blank network stays blank.
pub(super) fn entries(module: &impl Module) -> Vec<Entry> {
    let mut visitor = Entries::default();
    module.visit(&mut visitor);
    visitor.found
}

/// Every tensor with its values.
pub(super) fn tensors(module: &impl Module) -> Named {
    let mut visitor = Values::default();
    module.visit(&mut visitor);
    visitor.found
}

/// Puts tensors in place of those of the same name; others keep theirs. Names
/// and shapes are the caller's to have checked.
///
/// # Panics
/// A tensor has the name of none of the module's.
pub(super) fn replace<M: Module>(module: M, device: &Device, tensors: Named) -> M {
    let mut replace = Replace {
        path: Path::default(),
        device,
        tensors,
    };
    let module = module.map(&mut replace);
    // Weights that find no place would leave a blank network, which trains
    // to nothing without a word.
    let stray: Vec<&String> = replace.tensors.keys().collect();
    assert!(stray.is_empty(), "no parameter is called {stray:?}");
    module
}

/// The fields from the network down to the current one.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        // An enum's variant is a step of the traversal, but not of the name.
        let step = if container.starts_with("Enum:") {
            ""
        } else {
            name
        };
        self.0.push(step.to_owned());
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        let steps = self.0.iter().map(String::as_str);
        let steps: Vec<&str> = steps.filter(|step| !step.is_empty()).collect();
        steps.join(".")
    }
}

#[derive(Default)]
struct Entries {
    path: Path,
    found: Vec<Entry>,
}

impl ModuleVisitor for Entries {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(Entry {
            name: self.path.name(),
            id: param.id,
            shape: param.lazy_shape().to_vec(),
        });
    }
}

#[derive(Default)]
struct Values {
    path: Path,
    found: Named,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values = tensor
            .into_data()
            .try_into_vec::<f32>()
            .expect("networks are built in f32 and stay so");
        self.found
            .insert(self.path.name(), NamedTensor { shape, values });
    }
}

struct Replace<'a> {
    path: Path,
    device: &'a Device,
    tensors: Named,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(tensor) = self.tensors.remove(&self.path.name()) else {
            return param;
        };
        let data = TensorData::new(tensor.values, tensor.shape);
        let id = param.id;
        param.transform_for_load(Tensor::from_data(data, self.device), id)
    }
}
